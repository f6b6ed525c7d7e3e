//! Section `[azure_ad]`: the tenant, this client, and its credential.

mod choice;

use std::path::PathBuf;

use entra_shared::azure_ad::{Authority, Instance, Version};
use entra_shared::http_client::metadata_client;
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::secret::{CertificatePassword, ClientSecret, IdentityHeader};
use entra_shared::settings::{KeyProblem, SettingsError};
use entra_token::{IdentityEndpoint, ManagedIdentity, TokenRequest, TokenSource};
use jiff::civil::Date;
use serde::Deserialize;
use url::Url;

use self::choice::Choice;
use super::credential::{self, CLIENT_CERTIFICATE_FILE, CredentialSettings};

const CLIENT_SECRET: &str = "azure_ad.client_secret";
const CLIENT_CERTIFICATE_PASSWORD: &str = "azure_ad.client_certificate_password";
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
    ("AZURE_FEDERATED_TOKEN_FILE", FEDERATED_TOKEN_FILE),
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
    /// The file that contains another identity provider's token.
    pub federated_token_file: Option<PathBuf>,
    /// A credential of any kind; takes precedence over the keys above.
    pub credential: Option<CredentialSettings>,
    /// Credentials to try in this order; they take precedence over the keys above.
    #[serde(default)]
    pub credentials: Vec<CredentialSettings>,
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
        if let Choice::ManagedIdentity(_) = self.choice()? {
            self.identity_endpoint()?;
        }
        Ok(())
    }

    /// Creates the source of tokens for a resource and requires a credential that is valid now.
    pub(super) fn token_source(&self, resource: AppIdUri) -> Result<TokenSource, SettingsError> {
        let source = self.unvalidated_token_source(resource)?;
        if let (Choice::Credentials(first, others), Some(credentials)) =
            (self.choice()?, source.credentials())
        {
            credential::check_validity(&first, &others, credentials)?;
        }
        Ok(source)
    }

    /// Creates the source of tokens for a resource from credentials that are readable but may have expired.
    pub(super) fn unvalidated_token_source(&self, resource: AppIdUri) -> Result<TokenSource, SettingsError> {
        let choice = self.choice()?;
        // Several keys may be set, since Azure's tooling sets some variables by itself.
        let ignored = self.ignored_keys(&choice).join(", ");
        match choice {
            Choice::ManagedIdentity(user_assigned) => {
                tracing::info!(?user_assigned, ignored, "acquiring tokens with a managed identity");
                let (endpoint, http) = (self.identity_endpoint()?, metadata_client()?);
                Ok(ManagedIdentity { endpoint, user_assigned, resource, http }.into())
            }
            Choice::Credentials(first, others) => {
                let credentials = credential::open(&first, &others)?;
                tracing::info!(?credentials, ignored, "acquiring tokens with client credentials");
                let authority = Authority::new(self.instance.clone(), self.tenant_id, self.domain.as_ref());
                let (client_id, version) = (self.client_id, self.endpoint_version);
                Ok(TokenRequest { authority, client_id, credentials, resource, version }.into())
            }
        }
    }

    /// Returns the keys that are set and ignored, since another credential takes precedence.
    pub(super) fn ignored(&self) -> Result<Vec<&'static str>, KeyProblem> {
        Ok(self.ignored_keys(&self.choice()?))
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

fn default_endpoint_version() -> Version {
    Version::V2
}

fn http_url(key: &'static str, url: &Url) -> Result<Url, KeyProblem> {
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        return Ok(url.clone());
    }
    Err(KeyProblem::new(key, "is not a URL like http://127.0.0.1:41000/msi/token"))
}
