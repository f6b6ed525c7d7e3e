//! The settings of this app.

mod authorization;
mod azure_ad;

use std::num::NonZeroU32;
use std::path::Path;

use entra_shared::azure_ad::AZURE_VARIABLES;
use entra_shared::http_client::HttpClientSettings;
use entra_shared::settings::{Check, KeyProblem, SettingsError, Sources};
use http_shell::metrics::MetricsSettings;
use http_shell::server::ServerSettings;
use serde::Deserialize;

pub use authorization::{AuthorizationSettings, ClientName, Demand, InvalidText, ListedClient};
pub use azure_ad::{AzureAdSettings, InvalidTenant, Tenant};

use crate::store::Location;
use entra_guard::DevelopmentHandler;
use entra_guard::authentication::VerifiedTokenSettings;
use entra_guard::authentication::keys::KeySettings;

/// Everything this app can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where the app runs.
    pub environment: Environment,
    /// The app registration of this API.
    pub azure_ad: AzureAdSettings,
    /// The keys that tokens are signed with.
    pub keys: KeySettings,
    /// The tokens that were verified already.
    pub verified_tokens: VerifiedTokenSettings,
    /// What callers may do.
    pub authorization: AuthorizationSettings,
    /// The listener of the API.
    pub server: ServerSettings,
    /// Requests to Entra ID.
    pub http_client: HttpClientSettings,
    /// The listener of the metrics.
    pub metrics: MetricsSettings,
    /// Where resources are kept.
    pub store: StoreSettings,
}

/// Where an app runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Environment {
    /// Anywhere that matters.
    Production,
    /// On a developer's machine.
    Development,
}

/// A text that is no [`Environment`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be production or development")]
pub struct InvalidEnvironment;

impl TryFrom<String> for Environment {
    type Error = InvalidEnvironment;

    fn try_from(text: String) -> Result<Self, InvalidEnvironment> {
        match text.as_str() {
            "production" => Ok(Self::Production),
            "development" => Ok(Self::Development),
            _ => Err(InvalidEnvironment),
        }
    }
}

/// Section `[store]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// The database.
    pub url: Location,
    /// How long answers to idempotency keys are kept.
    pub idempotency_key_retention_hours: NonZeroU32,
}

impl Settings {
    /// Loads the settings: `file` in place of the defaults, and the variables over both.
    ///
    /// # Errors
    /// Names the key that is wrong and where it stands.
    pub fn load(
        file: Option<&Path>,
        environment: entra_shared::settings::Environment,
    ) -> Result<Self, SettingsError> {
        let defaults = include_str!("../settings.toml");
        Sources { defaults, file, aliases: AZURE_VARIABLES, environment }.load()
    }

    /// The development handler, if the settings ask for it.
    ///
    /// # Errors
    /// They ask for it where it must not be.
    pub fn development_handler(&self) -> Result<Option<DevelopmentHandler>, KeyProblem> {
        let development = self.environment == Environment::Development;
        let wanted = self.authorization.development_handler;
        wanted.then(|| DevelopmentHandler::new(development, self.server.listen)).transpose()
    }
}

impl Check for Settings {
    fn check(&self) -> Result<(), KeyProblem> {
        self.azure_ad.check()?;
        self.keys.check()?;
        self.authorization.check()?;
        self.verified_tokens.check()?;
        self.development_handler().map(|_| ())
    }
}
