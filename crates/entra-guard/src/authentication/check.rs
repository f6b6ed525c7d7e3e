//! The checks of a token. Each is named by the fault that it finds.

use super::error::TokenFault;

/// A check, and whether the token passes it.
///
/// The validator stops at the first failure; an explanation lists all of them.
pub(crate) type Check = (TokenFault, bool);

/// Returns the fault of the first check that fails.
pub(super) fn pass_all(checks: impl IntoIterator<Item = Check>) -> Result<(), TokenFault> {
    let failed = checks.into_iter().find(|(_, passed)| !passed);
    failed.map_or(Ok(()), |(fault, _)| Err(fault))
}
