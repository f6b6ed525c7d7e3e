//! Selects the credential among the keys of section `[azure_ad]`.

use entra_shared::settings::KeyProblem;
use entra_token::UserAssigned;

use super::{AzureAdSettings, CLIENT_CERTIFICATE_PASSWORD, CLIENT_SECRET, FEDERATED_TOKEN_FILE};
use crate::settings::credential::{
    CLIENT_CERTIFICATE_FILE, CREDENTIAL, CredentialKind, CredentialSettings, SelectedCredential,
};

const CREDENTIALS: &str = "azure_ad.credentials";
const CLIENT_SECRET_FILE: &str = "azure_ad.client_secret_file";

/// The selected way to get tokens; no file has been opened yet.
#[derive(Debug)]
pub(super) enum Choice {
    /// A credential, and those to try if the authority refuses it.
    Credentials(SelectedCredential, Vec<SelectedCredential>),
    /// The system-assigned managed identity, or a user-assigned one.
    ManagedIdentity(Option<UserAssigned>),
}

impl AzureAdSettings {
    /// Selects `credential` or `credentials` if set, and otherwise the short keys.
    pub(super) fn choice(&self) -> Result<Choice, KeyProblem> {
        match (&self.credential, self.credentials.as_slice()) {
            (Some(_), [_, ..]) => Err(KeyProblem::new(
                CREDENTIAL,
                format!("is set as well as `{CREDENTIALS}`; keep one of them"),
            )),
            (Some(settings), []) => {
                let problem = |problem| KeyProblem::new(CREDENTIAL, problem);
                settings.check().map_err(problem)?;
                if settings.kind == CredentialKind::ManagedIdentity {
                    return settings.user_assigned().map(Choice::ManagedIdentity).map_err(problem);
                }
                let selected = SelectedCredential { key: CREDENTIAL.to_owned(), settings: settings.clone() };
                Ok(Choice::Credentials(selected, Vec::new()))
            }
            (None, [first, others @ ..]) => {
                let others = others.iter().zip(1..).map(|(settings, index)| list_entry(index, settings));
                Ok(Choice::Credentials(list_entry(0, first)?, others.collect::<Result<_, _>>()?))
            }
            (None, []) => Ok(Choice::Credentials(self.short_choice()?, Vec::new())),
        }
    }

    /// Returns the short keys that are set although something else was selected.
    pub(super) fn ignored_keys(&self, choice: &Choice) -> Vec<&'static str> {
        let selected = match choice {
            Choice::Credentials(first, _) => Some(first.key.as_str()),
            Choice::ManagedIdentity(_) => None,
        };
        let keys = [
            (CLIENT_SECRET, self.client_secret.is_some()),
            (CLIENT_SECRET_FILE, self.client_secret_file.is_some()),
            (CLIENT_CERTIFICATE_FILE, self.client_certificate_file.is_some()),
            (FEDERATED_TOKEN_FILE, self.federated_token_file.is_some()),
        ];
        keys.into_iter()
            .filter(|&(key, is_set)| is_set && Some(key) != selected)
            .map(|(key, _)| key)
            .collect()
    }

    /// Selects among the short keys in the order in which Azure's libraries read the matching variables.
    fn short_choice(&self) -> Result<SelectedCredential, KeyProblem> {
        let secret = || CredentialSettings {
            expires_on: self.client_secret_expires_on,
            ..CredentialSettings::new(CredentialKind::Secret)
        };
        let (key, settings) = match self {
            Self { client_secret: Some(_), client_secret_file: Some(_), .. } => {
                let problem = format!("is set as well as `{CLIENT_SECRET_FILE}`; keep one of them");
                return Err(KeyProblem::new(CLIENT_SECRET, problem));
            }
            Self { client_secret: value @ Some(_), .. } => {
                (CLIENT_SECRET, CredentialSettings { value: value.clone(), ..secret() })
            }
            Self { client_secret_file: file @ Some(_), .. } => {
                (CLIENT_SECRET_FILE, CredentialSettings { file: file.clone(), ..secret() })
            }
            Self {
                client_certificate_file: file @ Some(_), client_certificate_password: password, ..
            } => {
                let certificate = CredentialSettings::new(CredentialKind::Certificate);
                let (file, password) = (file.clone(), password.clone());
                (CLIENT_CERTIFICATE_FILE, CredentialSettings { file, password, ..certificate })
            }
            Self { client_certificate_password: Some(_), .. } => {
                let problem = format!(
                    "is set without `{CLIENT_CERTIFICATE_FILE}`; set AZURE_CLIENT_CERTIFICATE_PATH as well"
                );
                return Err(KeyProblem::new(CLIENT_CERTIFICATE_PASSWORD, problem));
            }
            Self { federated_token_file: file @ Some(_), .. } => {
                let federated = CredentialSettings::new(CredentialKind::Federated);
                (FEDERATED_TOKEN_FILE, CredentialSettings { file: file.clone(), ..federated })
            }
            _ => {
                return Err(KeyProblem::new(
                    CLIENT_SECRET,
                    "is missing; set the variable AZURE_CLIENT_SECRET or AZURE_AD__CLIENT_SECRET, or \
                     AZURE_AD__CLIENT_SECRET_FILE with the path of a file that holds it; or choose another credential \
                     with AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE or AZURE_AD__CREDENTIAL__KIND",
                ));
            }
        };
        Ok(SelectedCredential { key: key.to_owned(), settings })
    }
}

fn list_entry(index: usize, settings: &CredentialSettings) -> Result<SelectedCredential, KeyProblem> {
    let problem = |problem| KeyProblem::new(CREDENTIALS, format!("entry {}: {problem}", index + 1));
    settings.check().map_err(problem)?;
    if settings.kind == CredentialKind::ManagedIdentity {
        return Err(problem(format!(
            "a managed identity stands alone; set `{CREDENTIAL}` instead of a list"
        )));
    }
    Ok(SelectedCredential { key: format!("{CREDENTIALS}[{index}]"), settings: settings.clone() })
}
