//! PFX (PKCS #12, RFC 7292), as Windows and Azure Key Vault export it, and encrypted PKCS #8 keys.

use entra_shared::secret::CertificatePassword;
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;
use pkcs8::{EncryptedPrivateKeyInfoRef, SecretDocument};

use super::Found;
use crate::credential::CredentialProblem;
use crate::credential::certificate::private_key::PrivateKey;

/// The object identifier of PBMAC1 (RFC 9579) in DER, 1.2.840.113549.1.5.14.
const PBMAC1: [u8; 11] = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0e];

/// Reads the keys and certificates of a PFX file. Without a password, tries the empty one.
pub(super) fn read_pfx(
    bytes: &[u8],
    password: Option<&CertificatePassword>,
) -> Result<Found, CredentialProblem> {
    let wrong = if password.is_some() {
        CredentialProblem::WrongPassword
    } else {
        CredentialProblem::PasswordMissing
    };
    let text = password.map_or("", CertificatePassword::expose);
    let archive = Pkcs12Archive::from_pkcs12(bytes, text).map_err(|error| match error {
        _ if bytes.windows(PBMAC1.len()).any(|window| window == PBMAC1) => CredentialProblem::Pbmac1,
        Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_) => wrong,
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm | Error::InvalidParameters => {
            CredentialProblem::UnsupportedEncryption
        }
        Error::InvalidPrivateKey => CredentialProblem::NotAPrivateKey,
        Error::UnsupportedCertificateType | Error::X509Error(_) => CredentialProblem::NotACertificate,
        _ => CredentialProblem::NeitherPemNorPfx,
    })?;
    let keys =
        archive.keys.iter().map(|bag| PrivateKey::from_pkcs8(bag.key.as_der())).collect::<Result<_, _>>()?;
    let certificates = archive.certs.iter().map(|bag| bag.cert.as_der().to_vec()).collect();
    Ok(Found { certificates, keys })
}

/// Decrypts a PKCS #8 key (PBES2, RFC 8018 section 6.2).
pub(super) fn decrypt(
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
