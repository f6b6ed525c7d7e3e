//! Credentials with which a client authenticates.

mod certificate;
mod error;
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
pub use federated::FederatedCredential;
pub use list::Credentials;
pub use proof::Proof;
pub use secret::SecretCredential;
pub use slot::Expiry;

/// A credential of a client. `Debug` hides its secret.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A client secret of the app registration.
    Secret(SecretCredential),
    /// A certificate of the app registration, whose key signs an assertion per request.
    Certificate(CertificateCredential),
    /// A token of another identity provider that the app registration trusts.
    Federated(FederatedCredential),
}

/// The client that a proof is for, and the authority that verifies it.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'a> {
    /// The app registration.
    pub client_id: ClientId,
    /// The authority that verifies the proof.
    pub authority: &'a Authority,
}

impl Credential {
    /// Creates a proof for one token request.
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

    /// Returns the name in logs and errors, which consists of the kind of credential and its file.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Secret(secret) => &secret.name,
            Self::Certificate(certificate) => &certificate.name,
            Self::Federated(federated) => &federated.name,
        }
    }

    /// Returns when it expires, if known. None for a federated token, which is renewed automatically.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Secret(secret) => secret.expires_at,
            Self::Certificate(certificate) => Some(certificate.expires_at()),
            Self::Federated(_) => None,
        }
    }

    /// Returns a number that changes whenever the contents of the credential's file change.
    async fn generation(&self) -> u64 {
        match self {
            Self::Secret(secret) => secret.generation().await,
            Self::Certificate(certificate) => certificate.generation().await,
            Self::Federated(federated) => federated.generation().await,
        }
    }
}
