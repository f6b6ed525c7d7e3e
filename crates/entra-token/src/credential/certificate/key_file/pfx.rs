//! PFX (PKCS #12, RFC 7292), as Windows and Azure Key Vault export it.

use entra_shared::secret::CertificatePassword;
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error;

use super::Found;
use crate::credential::CredentialProblem;
use crate::credential::certificate::private_key::PrivateKey;

/// Reads keys and certificates. Without a password, tries the empty one.
pub(super) fn read(bytes: &[u8], password: Option<&CertificatePassword>) -> Result<Found, CredentialProblem> {
    let wrong = if password.is_some() {
        CredentialProblem::WrongPassword
    } else {
        CredentialProblem::PasswordMissing
    };
    let text = password.map_or("", CertificatePassword::expose);
    let archive = Pkcs12Archive::from_pkcs12(bytes, text).map_err(|error| match error {
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
