//! The settings of the client-app.

mod azure_ad;
mod credential;

use std::path::Path;

use entra_shared::azure_ad::AZURE_VARIABLES;
use entra_shared::http_client::{HttpClient, HttpClientSettings};
use entra_shared::ids::AppIdUri;
use entra_shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};
use entra_token::{BaseUrl, TokenRetriever, warn_of_unsupported_variables};
use http_shell::metrics::MetricsSettings;
use http_shell::server::ServerSettings;
use serde::Deserialize;

use crate::resource_client::ResourceClient;

pub use azure_ad::AzureAdSettings;
pub use credential::{CredentialKind, CredentialSettings};

/// All settings. `Debug` hides secrets.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The tenant, this client, and its credential.
    pub azure_ad: AzureAdSettings,
    /// The API to call.
    pub resource: ResourceSettings,
    /// The web service's listener.
    pub server: ServerSettings,
    /// Outgoing requests.
    pub http_client: HttpClientSettings,
    /// The metrics listener.
    #[serde(default)]
    pub metrics: MetricsSettings,
    /// All settings with the variable or file of each, for the log; secrets are hidden.
    #[serde(skip)]
    pub in_force: String,
}

/// Section `[resource]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceSettings {
    /// The API's base URL.
    pub base_url: BaseUrl,
    /// The App ID URI for which tokens are requested.
    pub app_id_uri: AppIdUri,
    /// Whether tokens may be sent over plain http to another machine.
    #[serde(default)]
    pub allow_plain_http: bool,
}

impl Settings {
    /// Loads the default settings, or `file` in their place, and overrides them with `environment`.
    ///
    /// # Errors
    /// Names the unusable key and the file or variable that set it, never a value.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        warn_of_unsupported_variables(|name| environment.value(name).map(str::to_owned));
        let aliases = [AZURE_VARIABLES, azure_ad::CREDENTIAL_VARIABLES].concat();
        Sources { defaults: include_str!("../settings.toml"), file, aliases: &aliases, environment }.load()
    }

    /// Creates the HTTP client for the authority and the resource.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable.
    pub fn http_client(&self) -> Result<HttpClient, SettingsError> {
        Ok(if self.azure_ad.is_managed_identity() {
            HttpClient::new_or_without_trust(&self.http_client)?
        } else {
            HttpClient::new(&self.http_client)?
        })
    }

    /// Creates the retriever of tokens for the resource.
    ///
    /// # Errors
    /// The credential or its file is unusable, or the credential is not valid now.
    pub fn token_retriever(&self, http: HttpClient) -> Result<TokenRetriever, SettingsError> {
        let source = self.azure_ad.token_source(self.resource.app_id_uri.clone())?;
        Ok(TokenRetriever::new(source, http))
    }

    /// Creates the client that calls the resource with this client's tokens.
    ///
    /// # Errors
    /// As [`Self::http_client`] and [`Self::token_retriever`].
    pub fn resource_client(&self) -> Result<ResourceClient, SettingsError> {
        let http = self.http_client()?;
        Ok(ResourceClient::new(self.resource.base_url.clone(), self.token_retriever(http.clone())?, http))
    }
}

impl Check for Settings {
    fn check(&self) -> Result<(), KeyProblem> {
        self.azure_ad.check()?;
        if self.resource.app_id_uri.as_str().ends_with("/.default") {
            let problem =
                "ends in `/.default`; keep what stands before it, since requests add that themselves";
            return Err(KeyProblem::new("resource.app_id_uri", problem));
        }
        self.resource.check_transport()
    }

    fn set_in_force(&mut self, list: String) {
        self.in_force = list;
    }
}

impl ResourceSettings {
    /// Refuses plain http to another machine unless it is allowed (RFC 6750 section 5.2).
    ///
    /// # Errors
    /// The base URL would expose tokens.
    pub fn check_transport(&self) -> Result<(), KeyProblem> {
        if self.base_url.exposes_tokens() && !self.allow_plain_http {
            let problem = "plain http would show the access token to anyone on the way; use https, or set \
                `resource.allow_plain_http` = true";
            return Err(KeyProblem::new("resource.base_url", problem));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::azure_ad::Version;

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
            (
                &[SECRET, ("AZURE_AD__CLIENT_SECRET_FILE", "x")],
                "is set as well as `azure_ad.client_secret_file`",
            ),
            (
                &[SECRET, ("AZURE_TENANT_ID", "common")],
                "`azure_ad.tenant_id` (variable AZURE_TENANT_ID): not a GUID",
            ),
            (
                &[SECRET, ("AZURE_TENANT_ID", "canary.onmicrosoft.com")],
                "not a GUID, but a domain; set that as `azure_ad.domain`",
            ),
            (&[("AZURE_CLIENT_SECRET", "\n")], "(variable AZURE_CLIENT_SECRET): must not be empty"),
            (&[("AZURE_CLIENT_SECRET", "'canary'")], "(variable AZURE_CLIENT_SECRET): is in quotes"),
            (&[SECRET, ("AZURE_CLIENT_ID", "\"canary\"")], "(variable AZURE_CLIENT_ID): is in quotes"),
            (&[SECRET, ("SERVER__LISTEN", "'canary'")], "(variable SERVER__LISTEN): is in quotes"),
            (&[SECRET, ("AZURE_AUTHORITY_HOST", "canary.example")], "has no scheme; write https://"),
            (&[SECRET, ("RESOURCE__BASE_URL", "canary.example:5001")], "has no scheme; write https://"),
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
            &[("AZURE_TOKEN_CREDENTIALS", "ManagedIdentityCredential")],
            &[("AZURE_CLIENT_CERTIFICATE_PATH", "x"), ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "1")],
            // Azure's own variables do not override the selected credential.
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
                "`value` is set as well as `file`",
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
            (
                &[(KIND, "managed_identity"), ("AZURE_AD__CLIENT_ID", ID), ("AZURE_CLIENT_ID", "canary")],
                "(variable AZURE_CLIENT_ID): not a GUID",
            ),
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
