//! Why a credential cannot be used.

use jiff::Timestamp;

/// Whoever looks after the credential: it cannot prove anything. One line, and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct CredentialError {
    /// The file, or the credential's name where there is none.
    pub origin: String,
    /// What is wrong with it.
    pub problem: CredentialProblem,
}

/// What is wrong with a credential, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialProblem {
    /// The file is not there, or may not be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The file is larger than such a file can be.
    #[error("is larger than {0} bytes; is it the right file?")]
    TooLarge(u64),
    /// The file's content is no secret.
    #[error("{0}")]
    NotASecret(String),
    /// The certificate has run out.
    #[error("the certificate expired at {0}; upload a new one to the app registration and put it here")]
    Expired(Timestamp),
    /// The certificate does not count yet.
    #[error("the certificate is not valid before {0}; check this machine's clock")]
    NotYetValid(Timestamp),
}

impl CredentialProblem {
    pub(super) fn of(self, origin: impl Into<String>) -> CredentialError {
        CredentialError { origin: origin.into(), problem: self }
    }
}
