//! What a client proves itself with.

mod certificate;
mod error;
mod fallback;
mod federated;
mod file;
mod list;
mod proof;
mod secret;
mod slot;

use entra_shared::azure_ad::Authority;
use entra_shared::ids::ClientId;
use jiff::Timestamp;

pub use certificate::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles,
};
pub use error::{CredentialError, CredentialProblem};
pub(super) use fallback::Fallback;
pub use federated::FederatedCredential;
pub use list::Credentials;
pub use proof::Proof;
pub use secret::SecretCredential;
pub use slot::Expiry;

/// One way in which a client proves who it is. `Debug` hides what is secret of it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A client secret of the app registration.
    Secret(SecretCredential),
    /// A certificate of the app registration, whose key signs an assertion for each request.
    Certificate(CertificateCredential),
    /// A token of another identity provider that the app registration trusts.
    Federated(FederatedCredential),
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
enum Look {
    /// Read if it seems to have changed, or has not been read for long.
    Glance,
    /// Read in any case: the authority refused what was read before.
    Read,
}

impl Credential {
    /// A proof for one token request, made anew each time.
    ///
    /// # Errors
    /// The credential cannot be used now.
    pub async fn proof(&self, claimant: Claimant<'_>) -> Result<Proof, CredentialError> {
        match self {
            Self::Secret(secret) => Ok(secret.proof().await),
            Self::Certificate(certificate) => certificate.proof(claimant).await,
            Self::Federated(federated) => Ok(federated.proof().await),
        }
    }

    /// What logs and errors call it: its kind, and the file that it is in.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(secret) => secret.name(),
            Self::Certificate(certificate) => certificate.name(),
            Self::Federated(federated) => federated.name(),
        }
    }

    /// When it expires, where that is known and somebody has to renew it.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Secret(secret) => secret.expires_at(),
            Self::Certificate(certificate) => Some(certificate.expires_at()),
            Self::Federated(_) => None,
        }
    }

    /// A number that changes with what the credential's file holds.
    async fn generation(&self, look: Look) -> u64 {
        match self {
            Self::Secret(secret) => secret.generation(look).await,
            Self::Certificate(certificate) => certificate.generation(look).await,
            Self::Federated(federated) => federated.generation(look).await,
        }
    }
}
