//! RSA private keys.

use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use jsonwebtoken::EncodingKey;
use pkcs8::PrivateKeyInfoRef;

use crate::credential::CredentialProblem;

/// An RSA key of 2048 to 8192 bits.
pub(super) struct PrivateKey {
    pub(super) signing: EncodingKey,
    /// The public key in DER (PKCS #1), which identifies the certificate that belongs to the key.
    pub(super) public: Vec<u8>,
}

impl PrivateKey {
    /// Parses a private key in PKCS #8 (RFC 5958).
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, CredentialProblem> {
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| CredentialProblem::NotAPrivateKey)?;
        match info.algorithm.oid.to_string().as_str() {
            "1.2.840.113549.1.1.1" => Self::from_pkcs1(info.private_key.as_bytes()),
            "1.2.840.113549.1.1.10" => Err(CredentialProblem::UnsupportedKey("RSA-PSS")),
            "1.2.840.10045.2.1" => Err(CredentialProblem::UnsupportedKey("EC")),
            "1.3.101.112" => Err(CredentialProblem::UnsupportedKey("Ed25519")),
            "1.3.101.113" => Err(CredentialProblem::UnsupportedKey("Ed448")),
            _ => Err(CredentialProblem::NotAPrivateKey),
        }
    }

    /// Parses a private key in PKCS #1 (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, CredentialProblem> {
        let key = RsaKeyPair::from_der(der).map_err(|error| match error.description_() {
            "TooSmall" => CredentialProblem::WeakKey,
            _ => CredentialProblem::NotAPrivateKey,
        })?;
        Ok(Self { signing: EncodingKey::from_rsa_der(der), public: key.public_key().as_ref().to_vec() })
    }
}
