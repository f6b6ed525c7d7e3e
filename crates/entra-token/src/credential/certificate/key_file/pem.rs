//! Reads PEM (RFC 7468) with certificates and a private key, in any order.

use entra_shared::secret::CertificatePassword;

use super::{Found, encrypted};
use crate::credential::CredentialProblem;
use crate::credential::certificate::private_key::PrivateKey;

/// Reads certificates and private keys, and skips other blocks, such as parameters.
pub(super) fn read(bytes: &[u8], password: Option<&CertificatePassword>) -> Result<Found, CredentialProblem> {
    let blocks = pem::parse_many(bytes).map_err(|_| CredentialProblem::NeitherPemNorPfx)?;
    if blocks.is_empty() {
        return Err(CredentialProblem::NeitherPemNorPfx);
    }
    let mut found = Found::default();
    for block in &blocks {
        match block.tag() {
            "CERTIFICATE" | "X509 CERTIFICATE" => found.certificates.push(block.contents().to_vec()),
            "PRIVATE KEY" => found.keys.push(PrivateKey::from_pkcs8(block.contents())?),
            "ENCRYPTED PRIVATE KEY" => {
                let key = encrypted::decrypt(block.contents(), password)?;
                found.keys.push(PrivateKey::from_pkcs8(key.as_bytes())?);
            }
            // Encrypted as in RFC 1421, which derives the key from the password by one round of MD5.
            "RSA PRIVATE KEY" if block.headers().get("DEK-Info").is_some() => {
                return Err(CredentialProblem::UnsupportedEncryption);
            }
            "RSA PRIVATE KEY" => found.keys.push(PrivateKey::from_pkcs1(block.contents())?),
            "EC PRIVATE KEY" => return Err(CredentialProblem::UnsupportedKey("EC")),
            _ => {}
        }
    }
    Ok(found)
}
