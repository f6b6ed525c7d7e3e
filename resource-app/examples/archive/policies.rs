//! The new app role and its policy.

use entra_guard::{AppRole, Policy, Requirements};

/// Allows archiving resources.
pub(crate) const ARCHIVE: AppRole = AppRole::new(
    "Resource.Archive",
    "5d0c3e7b-9a64-4f18-8b2d-e17f60a4c395",
    "Archive resources as the calling application.",
);

/// May archive resources.
pub(crate) struct ArchivePolicy;

impl Policy for ArchivePolicy {
    const NAME: &'static str = "ArchivePolicy";

    fn requirements() -> Requirements {
        Requirements::app().role(ARCHIVE)
    }
}
