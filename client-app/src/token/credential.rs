//! What a client proves itself with.

mod error;
mod list;
mod proof;
mod secret;

pub use error::{CredentialError, CredentialProblem};
pub use list::Credentials;
pub use proof::Proof;
pub use secret::SecretCredential;

use jiff::Timestamp;
use shared::azure_ad::Authority;
use shared::ids::ClientId;

/// One way in which a client proves who it is. `Debug` hides what is secret of it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A client secret of the app registration.
    Secret(SecretCredential),
}

/// In whose name a proof is made, and for whom.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// The app registration.
    pub client_id: ClientId,
    /// The authority that is to believe it.
    pub authority: &'a Authority,
}

/// How closely a credential's file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Read if it seems to have changed.
    Glance,
    /// Read in any case: the authority refused what was read before.
    Read,
}

impl Credential {
    /// A proof for one token request, made anew each time.
    ///
    /// # Errors
    /// The credential cannot be used now.
    #[expect(clippy::unused_async, reason = "other kinds read files")]
    pub async fn proof(&self, _claimant: Claimant<'_>) -> Result<Proof, CredentialError> {
        match self {
            Self::Secret(secret) => Ok(secret.proof()),
        }
    }

    /// What logs and errors call it: its kind, and the setting or file that it comes from.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(secret) => secret.name(),
        }
    }

    /// When it expires, where that is known.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Secret(secret) => secret.expires_at(),
        }
    }

    /// A number that changes with what the credential's file holds.
    #[expect(clippy::unused_async, reason = "other kinds read files")]
    async fn generation(&self, _look: Look) -> u64 {
        match self {
            Self::Secret(_) => 0,
        }
    }
}
