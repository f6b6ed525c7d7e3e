//! The settings of the program.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use entra_shared::azure_ad::Instance;
use entra_shared::http_client::HttpClientSettings;
use entra_shared::secret::ClientSecret;
use entra_shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use entra_stand_in::{Authority, Builder, DataFolder, Directory, Registrations};

/// The settings of the program; `settings.toml` explains each.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    server: ServerSection,
    admin: AdminSection,
    #[serde(default)]
    managed_identity: ManagedIdentitySection,
    directory: DirectorySection,
    data: DataSection,
    #[serde(default)]
    token_endpoint: TokenEndpointSection,
    http_client: Option<HttpClientSettings>,
    /// All settings with the variable or file of each, for the log; secrets are hidden.
    #[serde(skip)]
    pub in_force: String,
}

/// Section `[server]`. It names no certificate, since the stand-in issues its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServerSection {
    listen: SocketAddr,
    #[serde(default)]
    allow_non_loopback: bool,
    drain_timeout_seconds: NonZeroU32,
    names: Vec<String>,
    public_url: Option<Instance>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdminSection {
    #[serde(default, deserialize_with = "address_or_off")]
    listen: Option<SocketAddr>,
    /// Whether tenants that are created there are kept over a restart.
    #[serde(default)]
    keep_tenants: bool,
}

/// Section `[managed_identity]`; `Debug` hides the header.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ManagedIdentitySection {
    #[serde(default, deserialize_with = "address_or_off")]
    listen: Option<SocketAddr>,
    identity_header: Option<ClientSecret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DirectorySection {
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DataSection {
    folder: Option<PathBuf>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenEndpointSection {
    #[serde(default)]
    strict: bool,
}

impl Check for Settings {
    fn set_in_force(&mut self, list: String) {
        self.in_force = list;
    }
}

impl Settings {
    /// Loads the defaults or `file`, and then the variables over them.
    ///
    /// # Errors
    /// Names the key, and the file or variable it came from.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        let defaults = include_str!("../settings.toml");
        Sources { defaults, file, aliases: &[], environment }.load()
    }

    /// Returns a builder of the stand-in that these settings describe.
    ///
    /// `environment` may hold the client secrets of its directory.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn builder(&self, environment: &Environment) -> Result<Builder, SettingsError> {
        let directory = match &self.directory.folder {
            Some(folder) => Directory::load(folder, environment)
                .map_err(|error| KeyProblem::new("directory.folder", error.to_string()))?,
            None => Directory::seeded(environment)?,
        };
        let mut builder = Authority::builder()
            .listen(self.server.listen)
            .allow_non_loopback(self.server.allow_non_loopback)
            .admin_listen(self.admin.listen)
            .managed_identity_listen(self.managed_identity.listen)
            .names(&self.server.names)
            .public_url(self.server.public_url.clone())
            .drain_timeout(Duration::from_secs(self.server.drain_timeout_seconds.get().into()))
            .strict(self.token_endpoint.strict)
            .keep_tenants(self.admin.keep_tenants)
            .directory(directory);
        if let Some(folder) = &self.data.folder {
            builder = builder.data_folder(folder);
        }
        if let Some(http_client) = &self.http_client {
            builder = builder.http_client(http_client.clone());
        }
        if let Some(header) = &self.managed_identity.identity_header {
            builder = builder.identity_header(header.expose());
        }
        Ok(builder)
    }

    /// Returns the directory with its manifests, for the commands that read both.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn registrations(&self, environment: &Environment) -> Result<Registrations, SettingsError> {
        Ok(match &self.directory.folder {
            Some(folder) => Registrations::load(folder, environment)?,
            None => Registrations::seeded(environment)?,
        })
    }

    /// Returns the folder with the keys.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn data_folder(&self) -> Result<DataFolder, KeyProblem> {
        self.data.folder.as_ref().map_or_else(DataFolder::of_user, DataFolder::at)
    }

    /// Returns the address of Entra's endpoints.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.server.listen
    }
}

/// Parses an address; `off` and the empty text mean none.
fn address_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "off" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|_| D::Error::custom("not an address like 127.0.0.1:8080, or `off`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Result<Settings, String> {
        Settings::load(None, variables.iter().copied().collect()).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_loopback_and_describe_a_stand_in() {
        let settings = load(&[]).unwrap();
        assert_eq!(settings.listen().to_string(), "127.0.0.1:5000");
        assert_eq!(settings.admin.listen.unwrap().to_string(), "127.0.0.1:5010");
        assert!(settings.builder(&Environment::default()).is_ok());
    }

    #[test]
    fn variables_set_what_containers_need() {
        let settings = load(&[
            ("SERVER__LISTEN", "0.0.0.0:5000"),
            ("SERVER__ALLOW_NON_LOOPBACK", "true"),
            ("SERVER__NAMES", "localhost,authority"),
            ("SERVER__PUBLIC_URL", "https://authority:5000"),
            ("ADMIN__LISTEN", "off"),
            ("DATA__FOLDER", "/data"),
            ("TOKEN_ENDPOINT__STRICT", "true"),
        ])
        .unwrap();
        assert!(settings.server.allow_non_loopback && settings.admin.listen.is_none());
        assert_eq!(settings.server.names, ["localhost", "authority"]);
        assert_eq!(settings.data.folder.unwrap(), Path::new("/data"));
        assert!(settings.token_endpoint.strict);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (variable, value, expected) in [
            ("SERVER__LISTEN", "localhost", "`server.listen` (variable SERVER__LISTEN)"),
            ("ADMIN__LISTEN", "5011", "`admin.listen` (variable ADMIN__LISTEN): not an address"),
            (
                "MANAGED_IDENTITY__LISTEN",
                "on",
                "`managed_identity.listen` (variable MANAGED_IDENTITY__LISTEN): not an address",
            ),
            ("SERVER__TLS__CERTIFICATE_FILE", "x", "unknown key `server.tls`"),
            (
                "SERVER__PUBLIC_URL",
                "http://x",
                "`server.public_url` (variable SERVER__PUBLIC_URL): not an https URL",
            ),
        ] {
            let error = load(&[(variable, value)]).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
        let error =
            load(&[("DIRECTORY__FOLDER", "/nowhere")]).unwrap().builder(&Environment::default()).unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
