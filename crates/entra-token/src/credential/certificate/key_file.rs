//! Reads certificates and their private key from PEM or PFX. A PFX file may be encoded in base64.

#[cfg(feature = "encrypted-keys")]
mod encrypted;
mod pem;

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use entra_shared::secret::CertificatePassword;

use super::private_key::PrivateKey;
use super::signing_certificate::SigningCertificate;
use crate::credential::CredentialProblem;

/// The certificates and keys of a file, before each key is matched with its certificate.
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
    let found = match pfx(bytes) {
        Some(pfx) => encrypted::read_pfx(&pfx, password)?,
        None => pem::read(bytes, password)?,
    };
    let mut keys = found.keys.into_iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) => SigningCertificate::new(key, &found.certificates),
        (None, _) => Err(CredentialProblem::NoPrivateKey),
        (Some(_), Some(_)) => Err(CredentialProblem::SeveralPrivateKeys),
    }
}

/// Returns the bytes of a PFX file. A file in base64, such as a secret of Azure Key Vault, is decoded.
fn pfx(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    // DER begins with a SEQUENCE.
    let is_der = |bytes: &[u8]| bytes.first() == Some(&0x30);
    let decode = || {
        let text: Vec<u8> = bytes.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        BASE64_STANDARD.decode(text).ok().filter(|decoded| is_der(decoded)).map(Cow::Owned)
    };
    decode().or_else(|| is_der(bytes).then_some(Cow::Borrowed(bytes)))
}

/// Returns whether a file may hold a private key: PFX, or PEM with a private key.
pub(super) fn holds_key(bytes: &[u8]) -> bool {
    const LABEL: &[u8] = b"PRIVATE KEY-----";
    pfx(bytes).is_some() || bytes.windows(LABEL.len()).any(|window| window == LABEL)
}

/// Refuses files that only the feature `encrypted-keys` can read.
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
