//! The settings of the client-app.

use std::path::{Path, PathBuf};

use reqwest::Client;
use serde::Deserialize;
use shared::azure_ad::{AZURE_VARIABLES, Authority, Instance, Version};
use shared::http_client::{HttpClientSettings, http_client};
use shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use shared::secret::ClientSecret;
use shared::server::ServerSettings;
use shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};

use crate::resource_client::{BaseUrl, ResourceClient};
use crate::token::{Credential, SecretCredential, TokenRequest, TokenRetriever};

const CLIENT_SECRET: &str = "azure_ad.client_secret";
const CLIENT_SECRET_FILE: &str = "azure_ad.client_secret_file";

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
        aliases.push(("AZURE_CLIENT_SECRET", CLIENT_SECRET));
        Sources { defaults: include_str!("../settings.toml"), file, aliases: &aliases, environment }.load()
    }

    /// The HTTP client for the authority and the resource.
    ///
    /// # Errors
    /// The file of certificate authorities is unusable.
    pub fn http_client(&self) -> Result<Client, SettingsError> {
        Ok(http_client(&self.http_client)?)
    }

    /// A retriever of this client's tokens for the resource.
    ///
    /// # Errors
    /// The file of the secret is unusable.
    pub fn token_retriever(&self, http: Client) -> Result<TokenRetriever, SettingsError> {
        let azure_ad = &self.azure_ad;
        let request = TokenRequest {
            authority: Authority::new(
                azure_ad.instance.clone(),
                azure_ad.tenant_id,
                azure_ad.domain.as_ref(),
            ),
            client_id: azure_ad.client_id,
            credentials: azure_ad.credential()?.into(),
            resource: self.resource.app_id_uri.clone(),
            version: azure_ad.endpoint_version,
        };
        Ok(TokenRetriever::new(request, http))
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
        self.azure_ad.secret_source()?;
        self.resource.base_url.check_transport(self.resource.allow_plain_http)
    }
}

/// Where the client secret comes from.
enum SecretSource<'a> {
    Value(&'a ClientSecret),
    File(&'a Path),
}

impl AzureAdSettings {
    fn secret_source(&self) -> Result<SecretSource<'_>, KeyProblem> {
        match (&self.client_secret, &self.client_secret_file) {
            (Some(secret), None) => Ok(SecretSource::Value(secret)),
            (None, Some(path)) => Ok(SecretSource::File(path)),
            (None, None) => Err(KeyProblem::new(
                CLIENT_SECRET,
                "is missing; set the variable AZURE_CLIENT_SECRET or AZURE_AD__CLIENT_SECRET, or \
                 AZURE_AD__CLIENT_SECRET_FILE with the path of a file that holds it",
            )),
            (Some(_), Some(_)) => Err(KeyProblem::new(
                CLIENT_SECRET,
                format!("is set beside `{CLIENT_SECRET_FILE}`; keep one of them"),
            )),
        }
    }

    fn credential(&self) -> Result<Credential, KeyProblem> {
        let secret = match self.secret_source()? {
            SecretSource::Value(secret) => secret.clone(),
            SecretSource::File(path) => read_secret(path)?,
        };
        Ok(Credential::Secret(SecretCredential::new(secret)))
    }
}

/// Reads a secret from a file and drops the one line break that editors and `echo` leave at its end.
fn read_secret(path: &Path) -> Result<ClientSecret, KeyProblem> {
    let problem = |text: String| KeyProblem::new(CLIENT_SECRET_FILE, format!("{}: {text}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let line = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    ClientSecret::parse(line).map_err(|error| problem(error.to_string()))
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

    #[test]
    fn a_secret_file_loses_one_line_break_and_must_hold_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_secret(&path).map(|secret| secret.expose().to_owned())
        };
        for (bytes, secret) in
            [("canary", "canary"), ("canary\n", "canary"), ("canary\r\n", "canary"), (" a\n\n", " a\n")]
        {
            assert_eq!(read(bytes.as_bytes()).unwrap(), secret);
        }
        for wrong in [&b""[..], b"\n", b"canary\xff"] {
            let error = read(wrong).unwrap_err().to_string();
            assert!(
                error.starts_with("`azure_ad.client_secret_file`") && !error.contains("canary"),
                "{error}"
            );
        }
    }
}
