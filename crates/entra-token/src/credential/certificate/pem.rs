//! PEM (RFC 7468): certificates and a private key, in any order.

use entra_shared::secret::CertificatePassword;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};

use super::super::CredentialProblem;
use super::key_file::{Found, pkcs1_key, pkcs8_key};
use super::pem_encryption;

/// Reads the blocks that matter; others, such as parameters, are passed over.
pub(super) fn read(bytes: &[u8], password: Option<&CertificatePassword>) -> Result<Found, CredentialProblem> {
    let blocks = ::pem::parse_many(bytes).map_err(|_| CredentialProblem::NeitherPemNorPfx)?;
    if blocks.is_empty() {
        return Err(CredentialProblem::NeitherPemNorPfx);
    }
    let mut found = Found::default();
    for block in &blocks {
        match block.tag() {
            "CERTIFICATE" | "X509 CERTIFICATE" => found.certificates.push(block.contents().to_vec()),
            "PRIVATE KEY" => found.keys.push(pkcs8_key(block.contents())?),
            "ENCRYPTED PRIVATE KEY" => {
                let key = decrypted(block.contents(), password)?;
                found.keys.push(pkcs8_key(key.as_bytes())?);
            }
            "RSA PRIVATE KEY" => found.keys.push(match pem_encryption::of(block) {
                None => pkcs1_key(block.contents())?,
                Some(encryption) => {
                    let password = password.ok_or(CredentialProblem::PasswordMissing)?;
                    let key = encryption?.decrypt(block.contents(), password)?;
                    // Not padding alone tells a wrong password: one in 256 leaves something that looks padded.
                    pkcs1_key(&key).map_err(|_| CredentialProblem::WrongPassword)?
                }
            }),
            "EC PRIVATE KEY" => return Err(CredentialProblem::UnsupportedKey("EC")),
            _ => {}
        }
    }
    Ok(found)
}

/// Decrypts PKCS #8 as RFC 8018 has it (PBES2).
fn decrypted(
    der: &[u8],
    password: Option<&CertificatePassword>,
) -> Result<SecretDocument, CredentialProblem> {
    let encrypted =
        EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| CredentialProblem::UnsupportedEncryption)?;
    let password = password.ok_or(CredentialProblem::PasswordMissing)?;
    encrypted.decrypt(password.expose()).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => {
            CredentialProblem::UnsupportedEncryption
        }
        _ => CredentialProblem::WrongPassword,
    })
}
