//! Opens the selected credentials at startup, so that a program with an unusable credential does not start.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use entra_shared::secret::CertificatePassword;
use entra_shared::settings::{KeyProblem, SettingsError};
use entra_token::{
    AssertionOptions, CertificateCredential, CertificateFiles, Credential, CredentialError,
    CredentialProblem, Credentials, FederatedCredential, SecretCredential,
};
use jiff::tz::TimeZone;

use super::{CredentialKind, CredentialSettings};

/// The short key of a certificate; messages about it name Azure's variables.
pub(in crate::settings) const CLIENT_CERTIFICATE_FILE: &str = "azure_ad.client_certificate_file";

/// The largest password file, in bytes.
const MAX_PASSWORD_FILE: u64 = 4096;

/// A credential that passed [`CredentialSettings::check`], and the key that selected it.
#[derive(Debug)]
pub(in crate::settings) struct SelectedCredential {
    pub(in crate::settings) key: String,
    pub(in crate::settings) settings: CredentialSettings,
}

/// Reads the credentials' files.
pub(in crate::settings) fn open(selected: &[SelectedCredential]) -> Result<Credentials, SettingsError> {
    let mut selected = selected.iter();
    let first = selected.next().ok_or_else(|| KeyProblem::new("azure_ad.credential", "is missing"))?;
    selected.try_fold(Credentials::new(first.open()?), |credentials, next| Ok(credentials.or(next.open()?)))
}

/// Requires that at least one of the credentials is valid now, and warns of the others.
pub(in crate::settings) fn check_validity(
    selected: &[SelectedCredential],
    credentials: &Credentials,
) -> Result<(), SettingsError> {
    let mut invalid = Vec::new();
    for (selected, credential) in selected.iter().zip(credentials.iter()) {
        if let Credential::Certificate(certificate) = credential
            && let Err(error) = certificate.check_validity()
        {
            invalid.push((credential.name(), selected.unusable(&error)));
        }
    }
    let is_any_valid = invalid.len() < selected.len();
    for (credential, error) in invalid {
        if !is_any_valid {
            return Err(error);
        }
        tracing::warn!(credential, %error, "credential is not valid now; using another one");
    }
    Ok(())
}

impl SelectedCredential {
    fn open(&self) -> Result<Credential, SettingsError> {
        let unusable = |error| self.unusable(&error);
        let file = || self.settings.file().map_err(|problem| self.problem(problem));
        match self.settings.kind {
            CredentialKind::Secret => self.secret().map(Credential::Secret),
            CredentialKind::Certificate => {
                let files = CertificateFiles {
                    certificate: file()?.to_owned(),
                    private_key: self.settings.private_key_file.clone(),
                    password: self.password()?,
                };
                let options = AssertionOptions {
                    algorithm: self.settings.algorithm.unwrap_or_default(),
                    audience: self.settings.audience.unwrap_or_default(),
                    send_chain: self.settings.send_chain.unwrap_or_default(),
                };
                CertificateCredential::open(files, options).map(Credential::Certificate).map_err(unusable)
            }
            CredentialKind::Federated => {
                FederatedCredential::open(file()?).map(Credential::Federated).map_err(unusable)
            }
            CredentialKind::ManagedIdentity => Err(self.problem("is no credential".to_owned())),
        }
    }

    fn secret(&self) -> Result<SecretCredential, SettingsError> {
        let credential = if let Some(value) = &self.settings.value {
            SecretCredential::new(value.clone()).named(&format!("client secret of {}", self.key))
        } else {
            let file = self.settings.file().map_err(|problem| self.problem(problem))?;
            SecretCredential::open(file).map_err(|error| self.unusable(&error))?
        };
        // The registration names a day; the secret counts as expired from its first moment in UTC.
        let expires_at = self.settings.expires_on.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
        Ok(match expires_at {
            Some(at) => credential.expiring_at(at.timestamp()),
            None => credential,
        })
    }

    fn password(&self) -> Result<Option<CertificatePassword>, SettingsError> {
        let CredentialSettings { password, password_file, .. } = &self.settings;
        let from_value = |value: &CertificatePassword| {
            CertificatePassword::parse(without_line_break(value.expose())).map_err(|error| error.to_string())
        };
        let password = password.as_ref().map(from_value);
        let password = password.or_else(|| password_file.as_deref().map(read_password));
        password.transpose().map_err(|problem| self.problem(problem))
    }

    fn unusable(&self, error: &CredentialError) -> SettingsError {
        let is_short = self.key == CLIENT_CERTIFICATE_FILE;
        let remedy = match &error.problem {
            CredentialProblem::PasswordMissing if is_short => "; set AZURE_CLIENT_CERTIFICATE_PASSWORD",
            CredentialProblem::PasswordMissing => "; set `password_file` or `password` as well as `file`",
            CredentialProblem::WrongPassword if is_short => "; correct AZURE_CLIENT_CERTIFICATE_PASSWORD",
            CredentialProblem::WrongPassword => "; correct `password_file` or `password`",
            _ => "",
        };
        self.problem(format!("{error}{remedy}"))
    }

    fn problem(&self, problem: String) -> SettingsError {
        SettingsError::Key { key: self.key.clone(), origin: "the settings".to_owned(), problem }
    }
}

/// Removes one trailing line break, which editors, `echo` and Kubernetes secrets leave.
fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// Reads a password file once; unlike the certificate's file, it is not watched for changes.
fn read_password(path: &Path) -> Result<CertificatePassword, String> {
    let problem = |text: String| format!("{}: {text}", path.display());
    let file = File::open(path).map_err(|error| problem(error.to_string()))?;
    let mut text = String::new();
    file.take(MAX_PASSWORD_FILE + 1).read_to_string(&mut text).map_err(|error| problem(error.to_string()))?;
    if text.len() as u64 > MAX_PASSWORD_FILE {
        return Err(problem(format!("is larger than {MAX_PASSWORD_FILE} bytes")));
    }
    CertificatePassword::parse(without_line_break(&text)).map_err(|error| problem(error.to_string()))
}
