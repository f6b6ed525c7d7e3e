//! Which settings say what the client proves itself with, and whether they say one thing.

use std::path::PathBuf;

use entra_shared::secret::{CertificatePassword, ClientSecret};
use entra_shared::settings::KeyProblem;
use jiff::civil::Date;

use super::CredentialKind;
use crate::settings::AzureAdSettings;
use entra_token::{AssertionOptions, UserAssigned};

pub(in crate::settings) const CLIENT_SECRET: &str = "azure_ad.client_secret";
pub(in crate::settings) const CLIENT_CERTIFICATE_FILE: &str = "azure_ad.client_certificate_file";
pub(in crate::settings) const CLIENT_CERTIFICATE_PASSWORD: &str = "azure_ad.client_certificate_password";
pub(in crate::settings) const FEDERATED_TOKEN_FILE: &str = "azure_ad.federated_token_file";
pub(super) const CREDENTIAL: &str = "azure_ad.credential";
const CREDENTIALS: &str = "azure_ad.credentials";
const CLIENT_SECRET_FILE: &str = "azure_ad.client_secret_file";

/// What was chosen, and nothing of it opened yet.
#[derive(Debug)]
pub(in crate::settings) enum Choice {
    /// A credential, and those to try when it is refused.
    Credentials(Chosen, Vec<Chosen>),
    /// The machine's identity.
    ManagedIdentity(Option<UserAssigned>),
}

/// A credential, with the key that chose it.
#[derive(Debug)]
pub(in crate::settings) struct Chosen {
    pub(super) key: String,
    pub(super) source: Source,
}

/// Where a credential comes from.
#[derive(Debug)]
pub(super) enum Source {
    Secret(ClientSecret, Option<Date>),
    SecretFile(PathBuf, Option<Date>),
    Certificate {
        file: PathBuf,
        private_key_file: Option<PathBuf>,
        password: Password,
        options: AssertionOptions,
    },
    Federated(PathBuf),
}

/// Where the password of a private key comes from.
#[derive(Debug)]
pub(super) enum Password {
    None,
    Value(CertificatePassword),
    File(PathBuf),
}

impl AzureAdSettings {
    /// What the client proves itself with.
    ///
    /// `credential` or `credentials` where they are set; otherwise the short keys, which Azure's own variables set as
    /// well, in the order in which Azure's libraries look at those.
    pub(in crate::settings) fn choice(&self) -> Result<Choice, KeyProblem> {
        match (&self.credential, self.credentials.as_slice()) {
            (Some(_), [_, ..]) => {
                Err(KeyProblem::new(CREDENTIAL, format!("is set beside `{CREDENTIALS}`; keep one of them")))
            }
            (Some(one), []) => {
                let problem = |problem| KeyProblem::new(CREDENTIAL, problem);
                if one.kind == CredentialKind::ManagedIdentity {
                    return one.user_assigned().map(Choice::ManagedIdentity).map_err(problem);
                }
                let source = one.source().map_err(problem)?;
                Ok(Choice::Credentials(Chosen { key: CREDENTIAL.to_owned(), source }, Vec::new()))
            }
            (None, [first, others @ ..]) => {
                let others =
                    others.iter().enumerate().map(|(number, entry)| entry_of_list(number + 1, entry));
                Ok(Choice::Credentials(entry_of_list(0, first)?, others.collect::<Result<_, _>>()?))
            }
            (None, []) => Ok(Choice::Credentials(self.short_choice()?, Vec::new())),
        }
    }

    /// The short keys that are set and passed over, since something else was chosen.
    pub(in crate::settings) fn passed_over(&self, choice: &Choice) -> Vec<&'static str> {
        let chosen = match choice {
            Choice::Credentials(first, _) => Some(first.key.as_str()),
            Choice::ManagedIdentity(_) => None,
        };
        let set = [
            (CLIENT_SECRET, self.client_secret.is_some()),
            (CLIENT_SECRET_FILE, self.client_secret_file.is_some()),
            (CLIENT_CERTIFICATE_FILE, self.client_certificate_file.is_some()),
            (FEDERATED_TOKEN_FILE, self.federated_token_file.is_some()),
        ];
        set.into_iter().filter(|&(key, is_set)| is_set && Some(key) != chosen).map(|(key, _)| key).collect()
    }

    fn short_choice(&self) -> Result<Chosen, KeyProblem> {
        let expires_on = self.client_secret_expires_on;
        let (key, source) = match (&self.client_secret, &self.client_secret_file) {
            (Some(_), Some(_)) => {
                let problem = format!("is set beside `{CLIENT_SECRET_FILE}`; keep one of them");
                return Err(KeyProblem::new(CLIENT_SECRET, problem));
            }
            (Some(secret), None) => (CLIENT_SECRET, Source::Secret(secret.clone(), expires_on)),
            (None, Some(path)) => (CLIENT_SECRET_FILE, Source::SecretFile(path.clone(), expires_on)),
            (None, None) => self.certificate_or_federated()?,
        };
        Ok(Chosen { key: key.to_owned(), source })
    }

    fn certificate_or_federated(&self) -> Result<(&'static str, Source), KeyProblem> {
        let password = self.client_certificate_password.clone();
        match (&self.client_certificate_file, &self.federated_token_file) {
            (Some(file), _) => {
                let (password, options) =
                    (password.map_or(Password::None, Password::Value), AssertionOptions::default());
                let source =
                    Source::Certificate { file: file.clone(), private_key_file: None, password, options };
                Ok((CLIENT_CERTIFICATE_FILE, source))
            }
            (None, _) if password.is_some() => Err(KeyProblem::new(
                CLIENT_CERTIFICATE_PASSWORD,
                format!(
                    "is set without `{CLIENT_CERTIFICATE_FILE}`; set AZURE_CLIENT_CERTIFICATE_PATH as well"
                ),
            )),
            (None, Some(file)) => Ok((FEDERATED_TOKEN_FILE, Source::Federated(file.clone()))),
            (None, None) => Err(KeyProblem::new(
                CLIENT_SECRET,
                "is missing; set the variable AZURE_CLIENT_SECRET or AZURE_AD__CLIENT_SECRET, or \
                 AZURE_AD__CLIENT_SECRET_FILE with the path of a file that holds it; or choose another credential \
                 with AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE or AZURE_AD__CREDENTIAL__KIND",
            )),
        }
    }
}

fn entry_of_list(number: usize, entry: &super::CredentialSettings) -> Result<Chosen, KeyProblem> {
    let source = entry
        .source()
        .map_err(|problem| KeyProblem::new(CREDENTIALS, format!("entry {}: {problem}", number + 1)))?;
    Ok(Chosen { key: format!("{CREDENTIALS}[{number}]"), source })
}
