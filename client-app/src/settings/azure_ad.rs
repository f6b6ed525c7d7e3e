//! Section `[azure_ad]`, with the tenant, this client, and its credential.

use std::path::PathBuf;

use entra_shared::azure_ad::{Authority, EndpointUrl, Endpoints, Instance, Version};
use entra_shared::http_client::metadata_client;
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::secret::{CertificatePassword, ClientSecret, IdentityHeader};
use entra_shared::settings::{KeyProblem, SettingsError};
use entra_token::{
    IdentityEndpoint, ManagedIdentity, TokenRequest, TokenSource, UserAssigned, selects_managed_identity,
};
use jiff::civil::Date;
use serde::Deserialize;
use url::Url;

use super::credential::{
    self, CLIENT_CERTIFICATE_FILE, CredentialKind, CredentialSettings, SelectedCredential,
};

const CREDENTIAL: &str = "azure_ad.credential";
const CREDENTIALS: &str = "azure_ad.credentials";
const CLIENT_SECRET: &str = "azure_ad.client_secret";
const CLIENT_SECRET_FILE: &str = "azure_ad.client_secret_file";
const CLIENT_CERTIFICATE_PASSWORD: &str = "azure_ad.client_certificate_password";
const MANAGED_IDENTITY_CLIENT_ID: &str = "azure_ad.managed_identity_client_id";
const FEDERATED_TOKEN_FILE: &str = "azure_ad.federated_token_file";
const IDENTITY_ENDPOINT: &str = "azure_ad.identity_endpoint";
const IDENTITY_HEADER: &str = "azure_ad.identity_header";
const IMDS_HOST: &str = "azure_ad.imds_host";

/// The variables with which Azure's tooling passes a credential to a program, each with the key that it sets.
///
/// <https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication#environment-variables>
pub(super) const CREDENTIAL_VARIABLES: &[(&str, &str)] = &[
    ("AZURE_CLIENT_SECRET", CLIENT_SECRET),
    ("AZURE_CLIENT_CERTIFICATE_PATH", CLIENT_CERTIFICATE_FILE),
    ("AZURE_CLIENT_CERTIFICATE_PASSWORD", CLIENT_CERTIFICATE_PASSWORD),
    ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "azure_ad.client_certificate_send_chain"),
    ("AZURE_FEDERATED_TOKEN_FILE", FEDERATED_TOKEN_FILE),
    ("AZURE_TOKEN_CREDENTIALS", "azure_ad.token_credentials"),
    // With a managed identity, the variable names that identity, as for `DefaultAzureCredential`.
    ("AZURE_CLIENT_ID", MANAGED_IDENTITY_CLIENT_ID),
    ("IDENTITY_ENDPOINT", IDENTITY_ENDPOINT),
    ("IDENTITY_HEADER", IDENTITY_HEADER),
    ("AZURE_POD_IDENTITY_AUTHORITY_HOST", IMDS_HOST),
];

/// The address of the Azure Instance Metadata Service, the same on every virtual machine.
///
/// <https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service>
const IMDS: &str = "http://169.254.169.254";

/// Section `[azure_ad]`. `Debug` hides secrets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureAdSettings {
    /// The base URL of Entra ID.
    pub instance: Instance,
    /// The tenant's verified domain; if set, URLs contain it instead of the tenant id.
    pub domain: Option<Domain>,
    /// The tenant's token endpoint, if it is not at the instance.
    pub token_endpoint: Option<EndpointUrl>,
    /// The tenant's issuer, if it is not that of the instance.
    pub issuer: Option<EndpointUrl>,
    /// The tenant's discovery document, if it is not the instance's; only `doctor` reads it.
    pub metadata_url: Option<EndpointUrl>,
    /// The tenant's id.
    pub tenant_id: TenantId,
    /// The client id of this client's app registration.
    pub client_id: ClientId,
    /// The client secret.
    pub client_secret: Option<ClientSecret>,
    /// The file that contains the client secret.
    pub client_secret_file: Option<PathBuf>,
    /// The day on which the client secret expires, according to the app registration.
    pub client_secret_expires_on: Option<Date>,
    /// The file that contains the client certificate and its private key.
    pub client_certificate_file: Option<PathBuf>,
    /// The password of that private key.
    pub client_certificate_password: Option<CertificatePassword>,
    /// Whether client assertions of that certificate contain its chain (`x5c`).
    pub client_certificate_send_chain: Option<bool>,
    /// The file that contains another identity provider's token.
    pub federated_token_file: Option<PathBuf>,
    /// A credential of any kind; takes precedence over the keys above.
    pub credential: Option<CredentialSettings>,
    /// Credentials to try in this order; they take precedence over the keys above.
    #[serde(default)]
    pub credentials: Vec<CredentialSettings>,
    /// `ManagedIdentityCredential` selects a managed identity unless a credential is set; other values do nothing.
    pub token_credentials: Option<String>,
    /// The client id of a user-assigned managed identity, unless the credential names one.
    pub managed_identity_client_id: Option<String>,
    /// App Service's endpoint for managed identities.
    pub identity_endpoint: Option<Url>,
    /// The header value that authenticates the program to that endpoint.
    pub identity_header: Option<IdentityHeader>,
    /// The base URL of the instance metadata service.
    pub imds_host: Option<Url>,
    /// The version of the token endpoint.
    #[serde(default = "default_endpoint_version")]
    pub endpoint_version: Version,
}

impl AzureAdSettings {
    /// Checks that the settings select exactly one way to get tokens.
    pub(super) fn check(&self) -> Result<(), KeyProblem> {
        if let Some(settings) = managed_identity(&self.selected()?) {
            self.identity_endpoint()?;
            self.user_assigned(settings)?;
        }
        Ok(())
    }

    /// Creates the source of tokens for a resource and requires a credential that is valid now.
    pub(super) fn token_source(&self, resource: AppIdUri) -> Result<TokenSource, SettingsError> {
        let source = self.unvalidated_token_source(resource)?;
        if let Some(credentials) = source.credentials() {
            credential::check_validity(&self.selected()?, credentials)?;
        }
        Ok(source)
    }

    /// Creates the source of tokens for a resource from credentials that are readable but may have expired.
    ///
    /// # Errors
    /// A credential or its file is unusable.
    pub fn unvalidated_token_source(&self, resource: AppIdUri) -> Result<TokenSource, SettingsError> {
        let selected = self.selected()?;
        let ignored = self.ignored().join(", ");
        if let Some(settings) = managed_identity(&selected) {
            let user_assigned = self.user_assigned(settings)?;
            tracing::info!(?user_assigned, ignored, "acquiring tokens with a managed identity");
            let (endpoint, http) = (self.identity_endpoint()?, metadata_client()?);
            return Ok(ManagedIdentity { endpoint, user_assigned, resource, http }.into());
        }
        let credentials = credential::open(&selected)?;
        tracing::info!(?credentials, ignored, "acquiring tokens with client credentials");
        let authority = Authority::new(self.instance.clone(), self.tenant_id, self.domain.as_ref());
        let authority = authority.with_endpoints(Endpoints {
            issuer: self.issuer.clone(),
            metadata_url: self.metadata_url.clone(),
            token_endpoint: self.token_endpoint.clone(),
        });
        let (client_id, version) = (self.client_id, self.endpoint_version);
        Ok(TokenRequest { authority, client_id, credentials, resource, version }.into())
    }

    /// Returns the short keys that are set and ignored: Azure's tooling sets some variables by itself.
    #[must_use]
    pub fn ignored(&self) -> Vec<&'static str> {
        let is_short = self.credential.is_none()
            && self.credentials.is_empty()
            && !selects_managed_identity(|_| self.token_credentials.clone());
        self.short_credentials().map(|(key, _)| key).skip(usize::from(is_short)).collect()
    }

    /// Returns whether the selected credential is a managed identity.
    pub(super) fn is_managed_identity(&self) -> bool {
        self.selected().is_ok_and(|selected| managed_identity(&selected).is_some())
    }

    /// Selects `credential` or `credentials` if set, and otherwise the short keys. Opens no file.
    fn selected(&self) -> Result<Vec<SelectedCredential>, KeyProblem> {
        match (&self.credential, self.credentials.as_slice()) {
            (Some(_), [_, ..]) => {
                let problem = format!("is set as well as `{CREDENTIALS}`; keep one of them");
                Err(KeyProblem::new(CREDENTIAL, problem))
            }
            (Some(settings), []) => {
                settings.check().map_err(|problem| KeyProblem::new(CREDENTIAL, problem))?;
                Ok(vec![SelectedCredential { key: CREDENTIAL.to_owned(), settings: settings.clone() }])
            }
            (None, []) if selects_managed_identity(|_| self.token_credentials.clone()) => {
                let settings =
                    CredentialSettings { kind: CredentialKind::ManagedIdentity, ..Default::default() };
                Ok(vec![SelectedCredential { key: CREDENTIAL.to_owned(), settings }])
            }
            (None, []) => Ok(vec![self.short_choice()?]),
            (None, entries) => entries.iter().enumerate().map(list_entry).collect(),
        }
    }

    fn short_choice(&self) -> Result<SelectedCredential, KeyProblem> {
        if self.client_secret.is_some() && self.client_secret_file.is_some() {
            let problem = format!("is set as well as `{CLIENT_SECRET_FILE}`; keep one of them");
            return Err(KeyProblem::new(CLIENT_SECRET, problem));
        }
        match self.short_credentials().next() {
            Some((key, settings)) if settings.kind != CredentialKind::Federated => {
                Ok(SelectedCredential { key: key.to_owned(), settings })
            }
            _ if self.client_certificate_password.is_some() => Err(KeyProblem::new(
                CLIENT_CERTIFICATE_PASSWORD,
                format!(
                    "is set without `{CLIENT_CERTIFICATE_FILE}`; set AZURE_CLIENT_CERTIFICATE_PATH as well"
                ),
            )),
            Some((key, settings)) => Ok(SelectedCredential { key: key.to_owned(), settings }),
            None => Err(KeyProblem::new(
                CLIENT_SECRET,
                "is missing; set the variable AZURE_CLIENT_SECRET or AZURE_AD__CLIENT_SECRET, or \
                 AZURE_AD__CLIENT_SECRET_FILE with the path of a file that holds it; or choose another credential \
                 with AZURE_CLIENT_CERTIFICATE_PATH, AZURE_FEDERATED_TOKEN_FILE or AZURE_AD__CREDENTIAL__KIND",
            )),
        }
    }

    /// Returns the short keys that are set, in the order in which Azure's libraries read the matching variables.
    fn short_credentials(&self) -> impl Iterator<Item = (&'static str, CredentialSettings)> {
        let with = |kind, file: &Option<PathBuf>| CredentialSettings {
            kind,
            file: file.clone(),
            ..CredentialSettings::default()
        };
        let expires_on = self.client_secret_expires_on;
        let secret_file = with(CredentialKind::Secret, &self.client_secret_file);
        let certificate = with(CredentialKind::Certificate, &self.client_certificate_file);
        let password = self.client_certificate_password.clone();
        let send_chain = self.client_certificate_send_chain;
        [
            (
                CLIENT_SECRET,
                CredentialSettings { value: self.client_secret.clone(), expires_on, ..Default::default() },
            ),
            (CLIENT_SECRET_FILE, CredentialSettings { expires_on, ..secret_file }),
            (CLIENT_CERTIFICATE_FILE, CredentialSettings { password, send_chain, ..certificate }),
            (FEDERATED_TOKEN_FILE, with(CredentialKind::Federated, &self.federated_token_file)),
        ]
        .into_iter()
        .filter(|(_, settings)| settings.value.is_some() || settings.file.is_some())
    }

    /// Returns the user-assigned managed identity, from the credential or else from `AZURE_CLIENT_ID`.
    fn user_assigned(&self, settings: &CredentialSettings) -> Result<Option<UserAssigned>, KeyProblem> {
        if let Some(identity) = settings.user_assigned() {
            return Ok(Some(identity));
        }
        let id = self.managed_identity_client_id.as_deref().map(str::parse::<ClientId>).transpose();
        let id = id.map_err(|error| KeyProblem::new(MANAGED_IDENTITY_CLIENT_ID, error.to_string()))?;
        Ok(id.map(UserAssigned::AzureClientId))
    }

    /// Returns App Service's endpoint if it is set, and the instance metadata service otherwise.
    fn identity_endpoint(&self) -> Result<IdentityEndpoint, KeyProblem> {
        match (&self.identity_endpoint, &self.identity_header) {
            (Some(url), Some(header)) => {
                let url = http_url(IDENTITY_ENDPOINT, url)?;
                Ok(IdentityEndpoint::AppService { url, header: header.clone() })
            }
            (Some(_), None) => Err(KeyProblem::new(
                IDENTITY_HEADER,
                "is missing although `azure_ad.identity_endpoint` is set; App Service sets IDENTITY_HEADER, and the \
                 endpoints of Azure Arc and Service Fabric are not supported",
            )),
            (None, _) => {
                let url = match &self.imds_host {
                    Some(url) => http_url(IMDS_HOST, url)?,
                    None => Url::parse(IMDS).map_err(|_| KeyProblem::new(IMDS_HOST, "is not a URL"))?,
                };
                Ok(IdentityEndpoint::Imds(url))
            }
        }
    }
}

/// Returns the settings of a managed identity, which is always selected alone.
fn managed_identity(selected: &[SelectedCredential]) -> Option<&CredentialSettings> {
    selected
        .iter()
        .map(|selected| &selected.settings)
        .find(|settings| settings.kind == CredentialKind::ManagedIdentity)
}

fn list_entry((index, settings): (usize, &CredentialSettings)) -> Result<SelectedCredential, KeyProblem> {
    let problem = |problem| KeyProblem::new(CREDENTIALS, format!("entry {}: {problem}", index + 1));
    settings.check().map_err(problem)?;
    if settings.kind == CredentialKind::ManagedIdentity {
        return Err(problem(format!(
            "a managed identity stands alone; set `{CREDENTIAL}` instead of a list"
        )));
    }
    Ok(SelectedCredential { key: format!("{CREDENTIALS}[{index}]"), settings: settings.clone() })
}

fn default_endpoint_version() -> Version {
    Version::V2
}

fn http_url(key: &'static str, url: &Url) -> Result<Url, KeyProblem> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Ok(url.clone());
    }
    Err(KeyProblem::new(key, "is not a URL like http://127.0.0.1:41000/msi/token"))
}
