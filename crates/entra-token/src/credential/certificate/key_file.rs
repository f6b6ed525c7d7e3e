//! Reads certificates and their private key from PEM or PFX.

mod pem;
mod pfx;

use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use entra_shared::secret::CertificatePassword;
use jsonwebtoken::EncodingKey;
use pkcs8::PrivateKeyInfoRef;
use x509_parser::der_parser::asn1_rs::FromDer as _;
use x509_parser::x509::AlgorithmIdentifier;

use super::signing_certificate::SigningCertificate;
use crate::credential::CredentialProblem;

/// The certificates and keys of a file, before they are matched.
#[derive(Default)]
struct Found {
    /// Each in DER.
    certificates: Vec<Vec<u8>>,
    keys: Vec<PrivateKey>,
}

/// An RSA key of 2048 to 8192 bits.
pub(super) struct PrivateKey {
    pub(super) signing: EncodingKey,
    /// The public key in DER (PKCS #1), by which its certificate is found.
    pub(super) public: Vec<u8>,
}

/// Reads a file in PEM or PFX, and matches its private key with its certificate.
pub(super) fn read(
    bytes: &[u8],
    password: Option<&CertificatePassword>,
) -> Result<SigningCertificate, CredentialProblem> {
    // DER begins with a SEQUENCE; no text does.
    let found =
        if bytes.first() == Some(&0x30) { pfx::read(bytes, password)? } else { pem::read(bytes, password)? };
    let mut keys = found.keys.into_iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) => SigningCertificate::new(key, &found.certificates),
        (None, _) => Err(CredentialProblem::NoPrivateKey),
        (Some(_), Some(_)) => Err(CredentialProblem::SeveralPrivateKeys),
    }
}

/// Whether a file may hold a private key: PFX, or PEM with a private key.
pub(super) fn holds_key(bytes: &[u8]) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-----";
    bytes.first() == Some(&0x30) || bytes.windows(LABEL.len()).any(|window| window == LABEL)
}

/// Reads a private key in PKCS #8.
fn pkcs8_key(der: &[u8]) -> Result<PrivateKey, CredentialProblem> {
    RsaKeyPair::from_pkcs8(der).map_err(|error| rejected(error, algorithm_name(der)))?;
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| CredentialProblem::NotAPrivateKey)?;
    pkcs1_key(info.private_key.as_bytes())
}

/// Reads a private key in PKCS #1.
fn pkcs1_key(der: &[u8]) -> Result<PrivateKey, CredentialProblem> {
    let key = RsaKeyPair::from_der(der).map_err(|error| rejected(error, None))?;
    Ok(PrivateKey { signing: EncodingKey::from_rsa_der(der), public: key.public_key().as_ref().to_vec() })
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
    let (_, sequence) = x509_parser::der_parser::asn1_rs::Sequence::from_der(der).ok()?;
    let (rest, _version) = x509_parser::der_parser::asn1_rs::Integer::from_der(&sequence.content).ok()?;
    let (_, algorithm) = AlgorithmIdentifier::from_der(rest).ok()?;
    let oid = algorithm.algorithm.to_id_string();
    NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}
