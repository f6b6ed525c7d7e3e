//! The settings of the client-app.

mod credential;
mod managed_identity;

use std::path::{Path, PathBuf};

use entra_shared::azure_ad::{AZURE_VARIABLES, Authority, Instance, Version};
use entra_shared::http_client::{HttpClient, HttpClientSettings, metadata_client};
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::secret::{CertificatePassword, ClientSecret, IdentityHeader};
use entra_shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};
use http_shell::metrics::MetricsSettings;
use http_shell::server::ServerSettings;
use jiff::civil::Date;
use serde::Deserialize;

use url::Url;

use crate::resource_client::{BaseUrl, ResourceClient};
use entra_token::{ManagedIdentity, TokenRequest, TokenRetriever, TokenSource};

pub use credential::{CredentialKind, CredentialSettings};

use credential::Choice;

/// The names under which Azure's own tooling injects what a client proves itself with.
///
/// <https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication#environment-variables>
const CREDENTIAL_VARIABLES: &[(&str, &str)] = &[
    ("AZURE_CLIENT_SECRET", credential::CLIENT_SECRET),
    ("AZURE_CLIENT_CERTIFICATE_PATH", credential::CLIENT_CERTIFICATE_FILE),
    ("AZURE_CLIENT_CERTIFICATE_PASSWORD", credential::CLIENT_CERTIFICATE_PASSWORD),
    ("AZURE_FEDERATED_TOKEN_FILE", credential::FEDERATED_TOKEN_FILE),
    ("IDENTITY_ENDPOINT", managed_identity::IDENTITY_ENDPOINT),
    ("IDENTITY_HEADER", managed_identity::IDENTITY_HEADER),
    ("AZURE_POD_IDENTITY_AUTHORITY_HOST", managed_identity::IMDS_HOST),
];

/// Everything that can be set. `Debug` hides the secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who this client is, and at which tenant it gets its tokens.
    pub azure_ad: AzureAdSettings,
    /// The API that is called.
    pub resource: ResourceSettings,
    /// The web service.
    pub server: ServerSettings,
    /// Every request that leaves.
    pub http_client: HttpClientSettings,
    /// The listener of the metrics.
    #[serde(default)]
    pub metrics: MetricsSettings,
}

/// Section `[azure_ad]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureAdSettings {
    /// The base URL of Entra ID.
    pub instance: Instance,
    /// The tenant's domain; names the tenant in URLs where it is set.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// The tenant.
    pub tenant_id: TenantId,
    /// This client's app registration.
    pub client_id: ClientId,
    /// The secret itself.
    #[serde(default)]
    pub client_secret: Option<ClientSecret>,
    /// A file that holds the secret.
    #[serde(default)]
    pub client_secret_file: Option<PathBuf>,
    /// The day on which the secret expires, as the app registration says.
    #[serde(default)]
    pub client_secret_expires_on: Option<Date>,
    /// A file that holds a certificate with its private key.
    #[serde(default)]
    pub client_certificate_file: Option<PathBuf>,
    /// What that private key is encrypted with.
    #[serde(default)]
    pub client_certificate_password: Option<CertificatePassword>,
    /// A file that holds a token of another identity provider.
    #[serde(default)]
    pub federated_token_file: Option<PathBuf>,
    /// A credential of any kind, in place of the keys above.
    #[serde(default)]
    pub credential: Option<CredentialSettings>,
    /// Several credentials, tried in turn, in place of the keys above.
    #[serde(default)]
    pub credentials: Vec<CredentialSettings>,
    /// Where App Service and its like answer for their identities.
    #[serde(default)]
    pub identity_endpoint: Option<Url>,
    /// What proves to them that one runs there.
    #[serde(default)]
    pub identity_header: Option<IdentityHeader>,
    /// The base URL of the metadata service of virtual machines.
    #[serde(default)]
    pub imds_host: Option<Url>,
    /// The version of the token endpoint.
    #[serde(default = "default_endpoint_version")]
    pub endpoint_version: Version,
}

/// Section `[resource]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceSettings {
    /// Where the API answers.
    pub base_url: BaseUrl,
    /// What tokens for it are asked for.
    pub app_id_uri: AppIdUri,
    /// Whether a token may travel over plain http to another machine.
    #[serde(default)]
    pub allow_plain_http: bool,
}

impl Settings {
    /// Loads the settings: the defaults or `file`, then `environment`.
    ///
    /// # Errors
    /// Names the key that is wrong, and the file or variable it came from; never a value.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        let mut aliases = AZURE_VARIABLES.to_vec();
        aliases.extend_from_slice(CREDENTIAL_VARIABLES);
        Sources { defaults: include_str!("../settings.toml"), file, aliases: &aliases, environment }.load()
    }

    /// The HTTP client for the authority and the resource.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable.
    pub fn http_client(&self) -> Result<HttpClient, SettingsError> {
        Ok(HttpClient::new(&self.http_client)?)
    }

    /// A retriever of this client's tokens for the resource.
    ///
    /// # Errors
    /// The credential is unusable, or a file that holds it.
    pub fn token_retriever(&self, http: HttpClient) -> Result<TokenRetriever, SettingsError> {
        Ok(TokenRetriever::new(self.token_source()?, http))
    }

    /// Where this client's tokens for the resource come from: with a credential that is valid now.
    fn token_source(&self) -> Result<TokenSource, SettingsError> {
        let source = self.opened_token_source()?;
        if let (Choice::Credentials(first, others), Some(credentials)) =
            (self.azure_ad.choice()?, source.credentials())
        {
            credential::check_validity(&first, &others, credentials)?;
        }
        Ok(source)
    }

    /// The same with credentials that can be read and may have expired: for whoever is to say which.
    pub(crate) fn opened_token_source(&self) -> Result<TokenSource, SettingsError> {
        let azure_ad = &self.azure_ad;
        let choice = azure_ad.choice()?;
        let resource = self.resource.app_id_uri.clone();
        // Several may be set: Azure's tooling injects some without being asked.
        let passed_over = azure_ad.passed_over(&choice).join(", ");
        let (first, others) = match choice {
            Choice::ManagedIdentity(user_assigned) => {
                tracing::info!(
                    ?user_assigned,
                    passed_over,
                    "asking for tokens with the machine's managed identity"
                );
                let (endpoint, http) = (azure_ad.identity_endpoint()?, metadata_client()?);
                return Ok(ManagedIdentity { endpoint, user_assigned, resource, http }.into());
            }
            Choice::Credentials(first, others) => (first, others),
        };
        let credentials = credential::open(&first, &others)?;
        tracing::info!(
            ?credentials,
            passed_over,
            "asking for tokens with what proves this client's identity"
        );
        let instance = azure_ad.instance.clone();
        let request = TokenRequest {
            authority: Authority::new(instance, azure_ad.tenant_id, azure_ad.domain.as_ref()),
            client_id: azure_ad.client_id,
            credentials,
            resource,
            version: azure_ad.endpoint_version,
        };
        Ok(request.into())
    }

    /// The keys that choose a credential, are set, and are passed over.
    pub(crate) fn passed_over(&self) -> Result<Vec<&'static str>, SettingsError> {
        Ok(self.azure_ad.passed_over(&self.azure_ad.choice()?))
    }

    /// A client of the resource that attaches this client's tokens.
    ///
    /// # Errors
    /// A file that the settings name is unusable.
    pub fn resource_client(&self) -> Result<ResourceClient, SettingsError> {
        let http = self.http_client()?;
        ResourceClient::new(&self.resource, self.token_retriever(http.clone())?, http)
    }
}

impl Check for Settings {
    fn check(&self) -> Result<(), KeyProblem> {
        if let Choice::ManagedIdentity(_) = self.azure_ad.choice()? {
            self.azure_ad.identity_endpoint()?;
        }
        if self.resource.app_id_uri.as_str().ends_with("/.default") {
            let problem =
                "ends in `/.default`; keep what stands before it, since requests add that themselves";
            return Err(KeyProblem::new("resource.app_id_uri", problem));
        }
        self.resource.base_url.check_transport(self.resource.allow_plain_http)
    }
}

fn default_endpoint_version() -> Version {
    Version::V2
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "canary");

    fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::load(None, variables.iter().copied().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_need_a_secret_and_nothing_else() {
        let settings = load(&[SECRET]).unwrap();
        assert_eq!(settings.azure_ad.endpoint_version, Version::V2);
        assert!(settings.server.listen.ip().is_loopback());
        assert!(!settings.resource.allow_plain_http);
        assert!(!format!("{settings:?}").contains("canary"));
    }

    #[test]
    fn what_is_refused_is_named_in_one_line_without_its_value() {
        let missing = "`azure_ad.client_secret` (the default settings): is missing; set the variable \
            AZURE_CLIENT_SECRET or AZURE_AD__CLIENT_SECRET, or AZURE_AD__CLIENT_SECRET_FILE";
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], missing),
            (&[("AZURE_CLIENT_SECRET", "")], missing),
            (&[SECRET, ("AZURE_AD__CLIENT_SECRET_FILE", "x")], "is set beside `azure_ad.client_secret_file`"),
            (
                &[SECRET, ("AZURE_TENANT_ID", "common")],
                "`azure_ad.tenant_id` (variable AZURE_TENANT_ID): not a GUID",
            ),
            (
                &[SECRET, ("AZURE_CLIENT_ID", "{canary}")],
                "`azure_ad.client_id` (variable AZURE_CLIENT_ID): not a GUID",
            ),
            (
                &[SECRET, ("AZURE_AUTHORITY_HOST", "http://localhost:5000")],
                "`azure_ad.instance` (variable AZURE_AUTHORITY_HOST): not an https URL",
            ),
            (&[SECRET, ("AZURE_AD__ENDPOINT_VERSION", "3.0")], "`azure_ad.endpoint_version`"),
            (&[SECRET, ("AZURE_AD__CERT", "x")], "unknown key `azure_ad.cert`"),
            (&[SECRET, ("RESOURCE__BASE_URL", "localhost:5001")], "`resource.base_url`"),
            (
                &[SECRET, ("RESOURCE__BASE_URL", "http://api.contoso.com")],
                "`resource.allow_plain_http` = true",
            ),
            (&[SECRET, ("RESOURCE__APP_ID_URI", "resource")], "`resource.app_id_uri`"),
            (&[SECRET, ("RESOURCE__APP_ID_URI", "api://a,api://b")], "not one App ID URI"),
            (&[SECRET, ("RESOURCE__APP_ID_URI", "api://a api://b")], "not one App ID URI"),
            (
                &[SECRET, ("RESOURCE__APP_ID_URI", "")],
                "`resource.app_id_uri` (variable RESOURCE__APP_ID_URI): is empty",
            ),
            (
                &[SECRET, ("RESOURCE__BASE_URL", "")],
                "`resource.base_url` (variable RESOURCE__BASE_URL): is empty",
            ),
            (&[SECRET, ("AZURE_TENANT_ID", "")], "`azure_ad.tenant_id` (variable AZURE_TENANT_ID): is empty"),
            (&[SECRET, ("AZURE_CLIENT_ID", "")], "`azure_ad.client_id` (variable AZURE_CLIENT_ID): is empty"),
            (&[SECRET, ("AZURE_AUTHORITY_HOST", "")], "(variable AZURE_AUTHORITY_HOST): is empty"),
            (&[SECRET, ("RESOURCE__APP_ID_URI", "api://x/.default")], "keep what stands before it"),
            (&[SECRET, ("AZURE_TENANT_ID", "organizations")], "set the Directory (tenant) ID"),
            (&[SECRET, ("AZURE_TENANT_ID", "../x")], "set the Directory (tenant) ID"),
            (&[SECRET, ("SERVER__LISTEN", "localhost")], "`server.listen`"),
            (&[SECRET, ("HTTP_CLIENT__TIMEOUT_SECONDS", "0")], "`http_client.timeout_seconds`"),
        ];
        for (variables, expected) in cases {
            let error = load(variables).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("canary") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_credential_is_chosen_by_its_kind_and_takes_the_keys_of_that_kind_alone() {
        const KIND: &str = "AZURE_AD__CREDENTIAL__KIND";
        const FILE: (&str, &str) = ("AZURE_AD__CREDENTIAL__FILE", "x");
        const ID: &str = "00000000-0000-0000-0000-000000000001";
        let right: &[&[(&str, &str)]] = &[
            &[(KIND, "secret"), ("AZURE_AD__CREDENTIAL__VALUE", "canary")],
            &[(KIND, "secret"), FILE, ("AZURE_AD__CREDENTIAL__EXPIRES_ON", "2028-01-31")],
            &[(KIND, "certificate"), FILE, ("AZURE_AD__CREDENTIAL__SEND_CHAIN", "true")],
            &[(KIND, "federated"), FILE],
            &[(KIND, "managed_identity"), ("AZURE_AD__CREDENTIAL__CLIENT_ID", ID)],
            // What Azure injects does not get in the way of what was chosen.
            &[(KIND, "managed_identity"), SECRET, ("AZURE_FEDERATED_TOKEN_FILE", "x")],
        ];
        for variables in right {
            let settings = load(variables).unwrap();
            assert!(!format!("{settings:?}").contains("canary"));
        }
        let wrong: &[(&[(&str, &str)], &str)] = &[
            (&[FILE], "`azure_ad.credential.kind` is missing"),
            (&[(KIND, "canary")], "`azure_ad.credential.kind` (variable AZURE_AD__CREDENTIAL__KIND)"),
            (&[(KIND, "secret")], "`value` or `file` is missing"),
            (
                &[(KIND, "secret"), FILE, ("AZURE_AD__CREDENTIAL__VALUE", "canary")],
                "`value` is set beside `file`",
            ),
            (&[(KIND, "certificate")], "`file` is missing: the path of a certificate"),
            (
                &[(KIND, "federated"), FILE, ("AZURE_AD__CREDENTIAL__PASSWORD", "canary")],
                "does not go with a federated",
            ),
            (
                &[(KIND, "certificate"), FILE, ("AZURE_AD__CREDENTIAL__ALGORITHM", "HS256")],
                "azure_ad.credential.algorithm",
            ),
            (
                &[(KIND, "secret"), FILE, ("AZURE_AD__CREDENTIAL__EXPIRES_ON", "soon")],
                "azure_ad.credential.expires_on",
            ),
            (
                &[
                    (KIND, "managed_identity"),
                    ("AZURE_AD__CREDENTIAL__CLIENT_ID", ID),
                    ("AZURE_AD__CREDENTIAL__OBJECT_ID", ID),
                ],
                "keep one of `client_id`, `object_id` and `resource_id`",
            ),
            (&[(KIND, "managed_identity"), ("IDENTITY_ENDPOINT", "x://y")], "azure_ad.identity_header"),
            (&[("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary")], "AZURE_CLIENT_CERTIFICATE_PATH"),
        ];
        for (variables, expected) in wrong {
            let error = load(variables).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("canary") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn plain_http_to_another_machine_is_allowed_by_name() {
        let url = ("RESOURCE__BASE_URL", "http://resource:5001");
        assert!(load(&[SECRET, url, ("RESOURCE__ALLOW_PLAIN_HTTP", "true")]).is_ok());
        assert!(load(&[SECRET, ("RESOURCE__BASE_URL", "https://resource:5001")]).is_ok());
    }

    #[test]
    fn the_v1_endpoint_is_chosen_by_its_version() {
        let settings = load(&[SECRET, ("AZURE_AD__ENDPOINT_VERSION", "1.0")]).unwrap();
        assert_eq!(settings.azure_ad.endpoint_version, Version::V1);
    }
}
