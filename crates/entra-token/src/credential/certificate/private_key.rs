//! RSA private keys.

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use jsonwebtoken::EncodingKey;
use pkcs8::PrivateKeyInfoRef;

use crate::credential::CredentialProblem;

/// An RSA key of 2048 to 8192 bits.
pub(super) struct PrivateKey {
    pub(super) signing: EncodingKey,
    /// The public key in DER (PKCS #1), by which its certificate is found.
    pub(super) public: Vec<u8>,
}

impl PrivateKey {
    /// Parses a private key in PKCS #8 (RFC 5958).
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self, CredentialProblem> {
        RsaKeyPair::from_pkcs8(der).map_err(|error| rejected(error, algorithm_name(der)))?;
        let info = PrivateKeyInfoRef::try_from(der).map_err(|_| CredentialProblem::NotAPrivateKey)?;
        Self::from_pkcs1(info.private_key.as_bytes())
    }

    /// Parses a private key in PKCS #1 (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> Result<Self, CredentialProblem> {
        let key = RsaKeyPair::from_der(der).map_err(|error| rejected(error, None))?;
        Ok(Self { signing: EncodingKey::from_rsa_der(der), public: key.public_key().as_ref().to_vec() })
    }
}

fn rejected(error: KeyRejected, algorithm: Option<&'static str>) -> CredentialProblem {
    match (error.description_(), algorithm) {
        (_, Some(algorithm)) => CredentialProblem::UnsupportedKey(algorithm),
        ("TooSmall", _) => CredentialProblem::WeakKey,
        _ => CredentialProblem::NotAPrivateKey,
    }
}

/// Names the algorithm of a PKCS #8 key that is not RSA.
fn algorithm_name(der: &[u8]) -> Option<&'static str> {
    const NAMES: [(&str, &str); 4] = [
        ("1.2.840.10045.2.1", "EC"),
        ("1.3.101.112", "Ed25519"),
        ("1.3.101.113", "Ed448"),
        ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ];
    let oid = PrivateKeyInfoRef::try_from(der).ok()?.algorithm.oid.to_string();
    NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}
