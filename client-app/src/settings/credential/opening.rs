//! Opens what was chosen: reads the files, once, so that an app with an unusable credential does not start.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use entra_shared::secret::{CertificatePassword, ClientSecret};
use entra_shared::settings::SettingsError;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::choice::{CLIENT_CERTIFICATE_FILE, Chosen, Password, Source};
use entra_token::{
    CertificateCredential, CertificateFiles, Credential, CredentialError, CredentialProblem, Credentials,
    FederatedCredential, SecretCredential,
};

/// The largest file of a password, in bytes.
const MAX_PASSWORD_FILE: u64 = 4096;

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
                let secret = ClientSecret::parse(without_line_break(secret.expose()))
                    .map_err(|error| self.problem(error.to_string()))?;
                let credential =
                    SecretCredential::new(secret).named(&format!("client secret of {}", self.key));
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
            Password::Value(value) => CertificatePassword::parse(without_line_break(value.expose()))
                .map(Some)
                .map_err(|error| self.problem(error.to_string())),
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

/// Drops the one line break that editors, `echo` and Kubernetes' secrets leave at the end, from a variable as from a
/// file.
fn without_line_break(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line))
}

/// Reads a password's file, once: the certificate's own file is watched, and this one is not.
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

/// From the beginning of the day on: nobody knows at which hour.
fn expiring(credential: SecretCredential, on: Option<Date>) -> SecretCredential {
    match on.and_then(|day| day.to_zoned(TimeZone::UTC).ok()) {
        Some(at) => credential.expiring_at(at.timestamp()),
        None => credential,
    }
}
