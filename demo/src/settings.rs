//! What the walkthrough talks to.

use std::path::Path;

use client_app::ResourceSettings;
use client_app::resource_client::BaseUrl;
use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::http_client::HttpClientSettings;
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::secret::ClientSecret;
use entra_shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};
use serde::Deserialize;
use url::Url;

/// The text of this crate's `settings.toml`.
pub const DEFAULTS: &str = include_str!("../settings.toml");

/// The settings of a walkthrough.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Section `[azure_ad]`: the tenant.
    pub azure_ad: AzureAdSettings,
    /// Section `[resource]`: the service that is called.
    pub resource: ResourceSettings,
    /// Section `[client]`: the client-app's web service.
    #[serde(default)]
    pub client: Option<ClientAppSettings>,
    /// Section `[clients]`: the app registrations that call.
    pub clients: ClientsSettings,
    /// Section `[other_resource]`: an API whose tokens the resource must refuse.
    #[serde(default)]
    pub other_resource: Option<OtherResourceSettings>,
    /// Section `[stand_in]`: what only the stand-in can do.
    #[serde(default)]
    pub stand_in: Option<StandInSettings>,
    /// Section `[http_client]`.
    pub http_client: HttpClientSettings,
}

/// Section `[azure_ad]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureAdSettings {
    /// Where Entra ID is.
    pub instance: Instance,
    /// Names the tenant in URLs, where it is set.
    #[serde(default)]
    pub domain: Option<Domain>,
    /// The tenant.
    pub tenant_id: TenantId,
}

impl AzureAdSettings {
    /// The tenant at its instance.
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority::new(self.instance.clone(), self.tenant_id, self.domain.as_ref())
    }
}

/// Section `[client]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAppSettings {
    /// Where it answers.
    pub base_url: BaseUrl,
}

/// Section `[clients]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientsSettings {
    /// Granted `Resource.Read` and `Resource.Write`.
    pub full: ClientSettings,
    /// Granted `Resource.Read`.
    #[serde(default)]
    pub read_only: Option<ClientSettings>,
    /// Granted nothing.
    #[serde(default)]
    pub ungranted: Option<ClientSettings>,
}

/// One app registration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// Its Application (client) ID.
    pub client_id: ClientId,
    /// Its secret; from a variable rather than from the file.
    pub client_secret: ClientSecret,
}

/// Section `[other_resource]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherResourceSettings {
    /// What tokens for it are asked for.
    pub app_id_uri: AppIdUri,
}

/// Section `[stand_in]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandInSettings {
    /// Its admin listener.
    pub admin_url: Url,
}

impl Settings {
    /// Loads the defaults, or `file` in their place, and the variables over them.
    ///
    /// # Errors
    /// Names the key, and the file or variable it came from.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        let aliases =
            &[("AZURE_TENANT_ID", "azure_ad.tenant_id"), ("AZURE_AUTHORITY_HOST", "azure_ad.instance")];
        Sources { defaults: DEFAULTS, file, aliases, environment }.load()
    }
}

impl Check for Settings {
    fn check(&self) -> Result<(), KeyProblem> {
        self.resource.base_url.check_transport(self.resource.allow_plain_http)
    }
}
