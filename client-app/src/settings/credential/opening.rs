//! Opens what was chosen: reads the files, once, so that an app with an unusable credential does not start.

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::secret::CertificatePassword;
use shared::settings::SettingsError;

use super::choice::{CLIENT_CERTIFICATE_FILE, Chosen, Password, Source};
use crate::token::{
    CertificateCredential, CertificateFiles, Credential, CredentialError, CredentialProblem, Credentials,
    FederatedCredential, SecretCredential,
};

/// Opens the credentials of a choice: each can be read.
pub(in crate::settings) fn open(first: &Chosen, others: &[Chosen]) -> Result<Credentials, SettingsError> {
    let first = Credentials::new(first.open()?);
    others.iter().try_fold(first, |credentials, chosen| Ok(credentials.or(chosen.open()?)))
}

/// Whether one of the credentials of a choice at least is valid now.
pub(in crate::settings) fn check_validity(
    first: &Chosen,
    others: &[Chosen],
    credentials: &Credentials,
) -> Result<(), SettingsError> {
    let mut invalid = Vec::new();
    for (chosen, credential) in std::iter::once(first).chain(others).zip(credentials.iter()) {
        if let Err(error) = validity(credential) {
            invalid.push((credential.name(), chosen.unusable(&error)));
        }
    }
    if invalid.len() > others.len() {
        return invalid.into_iter().next().map_or(Ok(()), |(_, error)| Err(error));
    }
    for (credential, error) in invalid {
        tracing::warn!(credential, %error, "a credential is not valid now, and another one takes its place");
    }
    Ok(())
}

fn validity(credential: &Credential) -> Result<(), CredentialError> {
    match credential {
        Credential::Certificate(certificate) => certificate.check_validity(),
        Credential::Secret(_) | Credential::Federated(_) => Ok(()),
    }
}

impl Chosen {
    fn open(&self) -> Result<Credential, SettingsError> {
        let unusable = |error| self.unusable(&error);
        match &self.source {
            Source::Secret(secret, expires_on) => {
                let credential =
                    SecretCredential::new(secret.clone()).named(&format!("client secret of {}", self.key));
                Ok(Credential::Secret(expiring(credential, *expires_on)))
            }
            Source::SecretFile(file, expires_on) => {
                let credential = SecretCredential::open(file).map_err(unusable)?;
                Ok(Credential::Secret(expiring(credential, *expires_on)))
            }
            Source::Certificate { file, private_key_file, password, options } => {
                let files = CertificateFiles {
                    certificate: file.clone(),
                    private_key: private_key_file.clone(),
                    password: self.password(password)?,
                };
                CertificateCredential::open(files, *options).map(Credential::Certificate).map_err(unusable)
            }
            Source::Federated(file) => {
                FederatedCredential::open(file).map(Credential::Federated).map_err(unusable)
            }
        }
    }

    fn password(&self, password: &Password) -> Result<Option<CertificatePassword>, SettingsError> {
        match password {
            Password::None => Ok(None),
            Password::Value(value) => Ok(Some(value.clone())),
            Password::File(path) => read_password(path).map(Some).map_err(|problem| self.problem(problem)),
        }
    }

    fn unusable(&self, error: &CredentialError) -> SettingsError {
        let remedy = match (&error.problem, self.key.as_str()) {
            (CredentialProblem::PasswordMissing, CLIENT_CERTIFICATE_FILE) => {
                "; set AZURE_CLIENT_CERTIFICATE_PASSWORD"
            }
            (CredentialProblem::PasswordMissing, _) => "; set `password_file` or `password` beside `file`",
            (CredentialProblem::WrongPassword, CLIENT_CERTIFICATE_FILE) => {
                "; correct AZURE_CLIENT_CERTIFICATE_PASSWORD"
            }
            (CredentialProblem::WrongPassword, _) => "; correct `password_file` or `password`",
            _ => "",
        };
        self.problem(format!("{error}{remedy}"))
    }

    fn problem(&self, problem: String) -> SettingsError {
        SettingsError::Key { key: self.key.clone(), origin: "the settings".to_owned(), problem }
    }
}

/// The same rule as for a secret's file: one line break at the end is dropped.
fn read_password(path: &Path) -> Result<CertificatePassword, String> {
    let problem = |text: String| format!("{}: {text}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    CertificatePassword::parse(line).map_err(|error| problem(error.to_string()))
}

/// From the beginning of the day on: nobody knows at which hour.
fn expiring(credential: SecretCredential, on: Option<Date>) -> SecretCredential {
    match on.and_then(|day| day.to_zoned(TimeZone::UTC).ok()) {
        Some(at) => credential.expiring_at(at.timestamp()),
        None => credential,
    }
}
