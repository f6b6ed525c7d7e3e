//! Why a credential cannot be used.

use std::time::Duration;

use entra_shared::jwt::NoCryptography;
use jiff::Timestamp;

/// A credential that cannot be used. The message is one line and contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct CredentialError {
    /// The file of the credential.
    pub origin: String,
    /// The problem with the credential.
    pub problem: CredentialProblem,
}

/// The problem with a credential's file. The message says how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialProblem {
    /// The file does not exist or cannot be read.
    #[error("{0}")]
    Unreadable(String),
    /// The path is not that of a regular file, so reading it may block.
    #[error("is not a regular file but a directory, a pipe or a device")]
    NotAFile,
    /// Reading it timed out.
    #[error("did not answer within {} s; is it on a mount that hangs?", .0.as_secs())]
    Unanswered(Duration),
    /// The file is larger than a credential can be.
    #[error("is larger than {0} bytes; is it the right file?")]
    TooLarge(u64),
    /// The file does not contain a client secret.
    #[error("{0}")]
    NotASecret(String),
    /// The file does not contain a federated token.
    #[error("is not a token (a JWT in its compact form)")]
    NotAJwt,
    /// The file is neither PEM nor PFX.
    #[error("is neither PEM nor PFX (PKCS #12)")]
    NeitherPemNorPfx,
    /// It contains no certificate.
    #[error("holds no certificate; add the certificate of the private key")]
    NoCertificate,
    /// It contains no private key.
    #[error("holds no private key; add the key to this file, or name the key file")]
    NoPrivateKey,
    /// It contains several private keys.
    #[error("holds several private keys; keep one")]
    SeveralPrivateKeys,
    /// The file contains several certificates of the private key.
    #[error(
        "holds several certificates of the private key; keep the one that is uploaded to the app registration"
    )]
    SeveralCertificates,
    /// The certificate belongs to another key.
    #[error(
        "the private key does not belong to the certificate; use the key that the certificate was made for"
    )]
    Mismatch,
    /// A certificate in the file is malformed.
    #[error("holds a certificate that cannot be read")]
    NotACertificate,
    /// A private key in the file is malformed.
    #[error(
        "holds a private key that cannot be read; keep an RSA key of 2048 to 8192 bits in PKCS #8 or PKCS #1"
    )]
    NotAPrivateKey,
    /// The key is not RSA, which Entra requires.
    #[error(
        "holds an {0} key; Entra takes assertions that are signed with RSA: make a certificate with an RSA key"
    )]
    UnsupportedKey(&'static str),
    /// The RSA key is shorter than 2048 bits.
    #[error("holds an RSA key of less than 2048 bits; make a longer one")]
    WeakKey,
    /// The key is encrypted and no password is given.
    #[error("is encrypted, and there is no password for it")]
    PasswordMissing,
    /// The password does not decrypt the key.
    #[error("cannot be decrypted with this password")]
    WrongPassword,
    /// The encryption of the key is not supported.
    #[error(
        "is encrypted in a way that is not supported; encrypt it again, for example with `openssl pkcs8 -topk8 -v2 aes-256-cbc`"
    )]
    UnsupportedEncryption,
    /// The PFX is protected by PBMAC1 (RFC 9579).
    #[error(
        "is PFX with PBMAC1, which is not supported; export it again with `openssl pkcs12 -export` without \
         `-pbmac1_pbkdf2`"
    )]
    Pbmac1,
    /// The file is PFX or encrypted, and this program is built without the feature `encrypted-keys`.
    #[error(
        "is PFX or holds an encrypted key; build with the feature `encrypted-keys` of entra-token, or convert it with `openssl pkcs12 -nodes` or `openssl pkcs8`"
    )]
    EncryptedKeysDisabled,
    /// The certificate has expired.
    #[error("the certificate expired at {0}; upload a new one to the app registration and put it here")]
    Expired(Timestamp),
    /// The certificate is not valid yet.
    #[error("the certificate is not valid before {0}; check this machine's clock")]
    NotYetValid(Timestamp),
    /// Signing failed.
    #[error("the private key made no signature")]
    Signing,
    /// The process has no JWT cryptography that works.
    #[error(transparent)]
    Cryptography(NoCryptography),
}

impl CredentialProblem {
    pub(super) fn at(self, origin: impl Into<String>) -> CredentialError {
        CredentialError { origin: origin.into(), problem: self }
    }
}
