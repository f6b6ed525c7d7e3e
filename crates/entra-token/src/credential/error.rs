//! Why a credential cannot be used.

use std::time::Duration;

use jiff::Timestamp;

/// Whoever looks after the credential: it cannot prove anything. One line, and nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct CredentialError {
    /// The file that the credential is in.
    pub origin: String,
    /// What is wrong with it.
    pub problem: CredentialProblem,
}

/// What is wrong with a credential's file, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialProblem {
    /// It is not there, or may not be read.
    #[error("{0}")]
    Unreadable(String),
    /// Reading it could wait for ever.
    #[error("is not a regular file but a directory, a pipe or a device")]
    NotAFile,
    /// It was not read in time.
    #[error("did not answer within {} s; is it on a mount that hangs?", .0.as_secs())]
    Unanswered(Duration),
    /// It is larger than such a file can be.
    #[error("is larger than {0} bytes; is it the right file?")]
    TooLarge(u64),
    /// It should be a secret.
    #[error("{0}")]
    NotASecret(String),
    /// It should be a federated token.
    #[error("is not a token (a JWT in its compact form)")]
    NotAJwt,
    /// It should be a certificate with its key.
    #[error("is neither PEM nor PFX (PKCS #12)")]
    NeitherPemNorPfx,
    /// There is no certificate in it.
    #[error("holds no certificate; put the certificate beside its private key")]
    NoCertificate,
    /// There is no private key in it.
    #[error("holds no private key; put the key beside its certificate, or name its own file")]
    NoPrivateKey,
    /// There are several keys in it, and nothing says which one is meant.
    #[error("holds several private keys; keep one")]
    SeveralPrivateKeys,
    /// There are several certificates of the one key in it, and nothing says which one is registered.
    #[error(
        "holds several certificates of the private key; keep the one that is uploaded to the app registration"
    )]
    SeveralCertificates,
    /// The certificate is another key's.
    #[error(
        "the private key does not belong to the certificate; put the key beside the certificate it was made for"
    )]
    Mismatch,
    /// What calls itself a certificate is none.
    #[error("holds a certificate that cannot be read")]
    NotACertificate,
    /// What calls itself a private key is none.
    #[error(
        "holds a private key that cannot be read; keep an RSA key of 2048 to 8192 bits in PKCS #8 or PKCS #1"
    )]
    NotAPrivateKey,
    /// The key is of a kind that Entra takes no assertions from.
    #[error(
        "holds an {0} key; Entra takes assertions that are signed with RSA: make a certificate with an RSA key"
    )]
    UnsupportedKey(&'static str),
    /// The key is too short to be safe.
    #[error("holds an RSA key of less than 2048 bits; make a longer one")]
    WeakKey,
    /// The key is encrypted, and nothing says with what.
    #[error("is encrypted, and there is no password for it")]
    PasswordMissing,
    /// The key is encrypted with another password.
    #[error("cannot be decrypted with this password")]
    WrongPassword,
    /// The key is encrypted in a way that is not supported.
    #[error(
        "is encrypted in a way that is not supported; encrypt it anew, for example by `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    UnsupportedEncryption,
    /// The certificate has run out.
    #[error("the certificate expired at {0}; upload a new one to the app registration and put it here")]
    Expired(Timestamp),
    /// The certificate does not count yet.
    #[error("the certificate is not valid before {0}; check this machine's clock")]
    NotYetValid(Timestamp),
    /// The cryptographic library fails.
    #[error("the private key made no signature")]
    Signing,
}

impl CredentialProblem {
    pub(super) fn of(self, origin: impl Into<String>) -> CredentialError {
        CredentialError { origin: origin.into(), problem: self }
    }
}
