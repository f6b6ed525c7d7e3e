//! The settings of this app.

mod authorization;
mod azure_ad;

use std::num::NonZeroU32;
use std::path::Path;

use entra_shared::http_client::HttpClientSettings;
use entra_shared::settings::{Check, KeyProblem, SettingsError, Sources};
use http_shell::metrics::MetricsSettings;
use http_shell::server::ServerSettings;
use serde::Deserialize;

pub use authorization::{AuthorizationSettings, Demand, InvalidDemand};
pub use azure_ad::{AzureAdSettings, InvalidTenant, Tenant};

use crate::store::Location;
use entra_guard::DevelopmentHandler;
use entra_guard::authentication::VerifiedTokenSettings;
use entra_guard::authentication::keys::KeySettings;

/// All settings of the app.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The environment that the app runs in.
    pub environment: Environment,
    /// The app registration of this API.
    pub azure_ad: AzureAdSettings,
    /// The keys that Entra signs tokens with.
    pub keys: KeySettings,
    /// The cache of verified tokens.
    pub verified_tokens: VerifiedTokenSettings,
    /// Demands in addition to the policies.
    pub authorization: AuthorizationSettings,
    /// The listener of the API.
    pub server: ServerSettings,
    /// Requests to Entra ID.
    pub http_client: HttpClientSettings,
    /// The listener of the metrics.
    pub metrics: MetricsSettings,
    /// The database.
    pub store: StoreSettings,
    /// All settings with the variable or file of each, for the log; secrets are hidden.
    #[serde(skip)]
    pub in_force: String,
}

/// The environment that the app runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Environment {
    /// Any environment but a developer's machine.
    Production,
    /// A developer's machine.
    Development,
}

/// The text is not an [`Environment`].
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
    /// How long answers to idempotency keys are kept, in hours.
    pub idempotency_key_retention_hours: NonZeroU32,
}

impl Settings {
    /// Loads the settings: `file` replaces the defaults, and variables override both.
    ///
    /// No `AZURE_*` variable of Azure's tooling counts: such a variable names the identity with which a pod makes calls,
    /// not the API that it is.
    ///
    /// # Errors
    /// A key is missing, unknown or invalid; the error names it and its file or variable.
    pub fn load(
        file: Option<&Path>,
        environment: entra_shared::settings::Environment,
    ) -> Result<Self, SettingsError> {
        let defaults = include_str!("../settings.toml");
        Sources { defaults, file, aliases: &[], environment }.load()
    }

    /// Returns the development handler if the settings enable it.
    ///
    /// # Errors
    /// It is enabled in production or on an address other than loopback.
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

    fn check_defaults(&self, is_default: &dyn Fn(&str) -> bool) -> Result<(), KeyProblem> {
        self.azure_ad.check_defaults(is_default)
    }

    fn set_in_force(&mut self, list: String) {
        self.in_force = list;
    }
}
