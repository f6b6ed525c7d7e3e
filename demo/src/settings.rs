//! The settings of the walkthrough, with the services and clients to use.

use std::path::Path;

use client_app::ResourceSettings;
use entra_shared::azure_ad::{Authority, Instance};
use entra_shared::http_client::HttpClientSettings;
use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
use entra_shared::secret::ClientSecret;
use entra_shared::settings::{Check, Environment, KeyProblem, SettingsError, Sources};
use entra_token::BaseUrl;
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
    /// Section `[resource]`: the called API.
    pub resource: ResourceSettings,
    /// Section `[client]`, for the client-app's web service.
    pub client: Option<ClientAppSettings>,
    /// Section `[clients]`, for the app registrations that call the resource.
    pub clients: ClientsSettings,
    /// Section `[other_resource]`, for another API, whose tokens the resource must refuse.
    pub other_resource: Option<OtherResourceSettings>,
    /// Section `[stand_in]`, for the stand-in's admin API, with steps that a real tenant does not offer.
    pub stand_in: Option<StandInSettings>,
    /// Section `[http_client]`.
    pub http_client: HttpClientSettings,
}

/// Section `[azure_ad]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureAdSettings {
    /// The base URL of Entra ID.
    pub instance: Instance,
    /// The tenant's verified domain; if set, URLs contain it instead of the tenant id.
    pub domain: Option<Domain>,
    /// The tenant's id.
    pub tenant_id: TenantId,
}

impl AzureAdSettings {
    /// Returns the tenant's authority.
    #[must_use]
    pub fn authority(&self) -> Authority {
        Authority::new(self.instance.clone(), self.tenant_id, self.domain.as_ref())
    }
}

/// Section `[client]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientAppSettings {
    /// The web service's base URL.
    pub base_url: BaseUrl,
}

/// Section `[clients]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientsSettings {
    /// Granted `Resource.Read` and `Resource.Write`.
    pub full: ClientSettings,
    /// Granted `Resource.Read`.
    pub read_only: Option<ClientSettings>,
    /// Granted nothing.
    pub ungranted: Option<ClientSettings>,
}

/// One app registration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// The Application (client) ID.
    pub client_id: ClientId,
    /// The client secret; best set by a variable.
    pub client_secret: ClientSecret,
}

/// Section `[other_resource]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherResourceSettings {
    /// The App ID URI for which tokens are requested.
    pub app_id_uri: AppIdUri,
}

/// Section `[stand_in]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StandInSettings {
    /// The base URL of the admin listener.
    pub admin_url: Url,
}

impl Settings {
    /// Loads the default settings, or `file` in their place, and overrides them with `environment`.
    ///
    /// # Errors
    /// Names the unusable key and the file or variable that set it.
    pub fn load(file: Option<&Path>, environment: Environment) -> Result<Self, SettingsError> {
        let aliases =
            &[("AZURE_TENANT_ID", "azure_ad.tenant_id"), ("AZURE_AUTHORITY_HOST", "azure_ad.instance")];
        Sources { defaults: DEFAULTS, file, aliases, environment }.load()
    }
}

impl Check for Settings {
    fn check(&self) -> Result<(), KeyProblem> {
        self.resource.check_transport()
    }
}
