//! Certificate credentials, whose keys sign client assertions.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

mod assertion;
mod key_file;
mod private_key;
mod signing_certificate;
mod x509;

use std::path::PathBuf;
use std::sync::Arc;

use entra_shared::jwt::install_provider;
use entra_shared::secret::CertificatePassword;
use jiff::Timestamp;

use super::file::{Files, WatchedFile};
use super::{Claimant, CredentialError, CredentialProblem, Proof};

pub use assertion::{Algorithm, AssertionAudience, AssertionOptions};

use key_file::{holds_key, read};
use signing_certificate::SigningCertificate;

/// The largest file of a key and its certificates, in bytes.
const MAX_FILE: u64 = 256 * 1024;

/// The files of a certificate and its private key. `Debug` hides the password.
#[derive(Debug, Clone)]
pub struct CertificateFiles {
    /// A file in PEM, with or without the private key, or in PFX (PKCS #12) with the feature `encrypted-keys`.
    pub certificate: PathBuf,
    /// A file in PEM with the private key, if `certificate` contains none.
    pub private_key: Option<PathBuf>,
    /// The password of an encrypted private key, which needs the feature `encrypted-keys`.
    pub password: Option<CertificatePassword>,
}

/// A certificate of the app registration with its private key. `Debug` hides the key.
#[derive(Debug, Clone)]
pub struct CertificateCredential {
    pub(super) name: String,
    file: Arc<WatchedFile<SigningCertificate>>,
    options: AssertionOptions,
}

impl CertificateCredential {
    /// Loads the certificate from these files, and reloads it when they change.
    ///
    /// # Errors
    /// A file cannot be read, or they do not contain one RSA key and its certificate, or the process has no working
    /// JWT cryptography.
    pub fn open(files: CertificateFiles, options: AssertionOptions) -> Result<Self, CredentialError> {
        let CertificateFiles { certificate, private_key, password } = files;
        let paths = std::iter::once(certificate).chain(private_key).collect();
        let files = Files { paths, limit: MAX_FILE, is_secret: holds_key };
        let file = WatchedFile::open(files, move |bytes| read(bytes, password.as_ref()))?;
        install_provider().map_err(|error| CredentialProblem::Cryptography(error).at(file.name()))?;
        Ok(Self { name: format!("certificate in {}", file.name()), file, options })
    }

    /// Checks the validity period of the certificate.
    ///
    /// # Errors
    /// It has expired, or is not valid yet.
    pub fn check_validity(&self) -> Result<(), CredentialError> {
        let content = self.file.content();
        content.value.check_validity(Timestamp::now()).map_err(|problem| problem.at(self.file.name()))
    }

    /// Returns when the certificate expires.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.file.content().value.not_after
    }

    pub(super) async fn proof(&self, claimant: Claimant<'_>) -> Result<Proof, CredentialError> {
        let content = self.file.checked().await;
        let now = Timestamp::now();
        // On this thread, since it takes about two milliseconds, once per token request.
        let signed = content
            .value
            .check_validity(now)
            .and_then(|()| assertion::sign(&content.value, self.options, claimant, now));
        let assertion = signed.map_err(|problem| problem.at(self.file.name()))?;
        Ok(Proof::assertion(&self.name, assertion))
    }

    pub(super) async fn generation(&self) -> u64 {
        self.file.checked().await.generation
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;
    use crate::test_log::TestLog;

    #[test]
    fn only_a_readable_private_key_is_warned_about() {
        let folder = tempfile::tempdir().unwrap();
        let copy = |name: &str, mode| {
            let path = folder.path().join(name);
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/certificates").join(name);
            std::fs::copy(from, &path).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            path
        };
        let log = TestLog::start();
        let logged = |certificate_mode, key_mode| {
            let files = CertificateFiles {
                certificate: copy("certificate.pem", certificate_mode),
                private_key: Some(copy("private-key.pem", key_mode)),
                password: None,
            };
            drop(CertificateCredential::open(files, AssertionOptions::default()).unwrap());
            log.take()
        };
        assert_eq!(logged(0o644, 0o600), "");
        let warning = logged(0o600, 0o644);
        assert!(warning.contains("private-key.pem") && !warning.contains("/certificate.pem"), "{warning}");
    }
}
