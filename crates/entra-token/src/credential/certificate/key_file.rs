//! Reads certificates and their private key from PEM or PFX.

#[cfg(feature = "encrypted-keys")]
mod encrypted;
mod pem;

use entra_shared::secret::CertificatePassword;

use super::private_key::PrivateKey;
use super::signing_certificate::SigningCertificate;
use crate::credential::CredentialProblem;

/// The certificates and keys of a file, before they are matched.
#[derive(Default)]
struct Found {
    /// Each in DER.
    certificates: Vec<Vec<u8>>,
    keys: Vec<PrivateKey>,
}

/// Reads a file in PEM or PFX, and matches its private key with its certificate.
pub(super) fn read(
    bytes: &[u8],
    password: Option<&CertificatePassword>,
) -> Result<SigningCertificate, CredentialProblem> {
    // DER begins with a SEQUENCE; no text does.
    let found = if bytes.first() == Some(&0x30) {
        encrypted::read_pfx(bytes, password)?
    } else {
        pem::read(bytes, password)?
    };
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

/// Refuses what only the feature `encrypted-keys` can read.
#[cfg(not(feature = "encrypted-keys"))]
mod encrypted {
    use entra_shared::secret::CertificatePassword;
    use pkcs8::SecretDocument;

    use super::Found;
    use crate::credential::CredentialProblem;

    pub(super) fn read_pfx(_: &[u8], _: Option<&CertificatePassword>) -> Result<Found, CredentialProblem> {
        Err(CredentialProblem::EncryptedKeysDisabled)
    }

    pub(super) fn decrypt(
        _: &[u8],
        _: Option<&CertificatePassword>,
    ) -> Result<SecretDocument, CredentialProblem> {
        Err(CredentialProblem::EncryptedKeysDisabled)
    }
}
