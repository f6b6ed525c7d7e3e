//! The guarded API: stores resources behind policies.
//!
//! # Layout
//!
//! - `policies`: the app roles and the policies. `azure_ad` builds the guard from the [`settings`].
//! - `resources`, `caller`, `health`: the handlers; the type of each names its policy. `error`: HTTP errors.
//! - `store`: the database.
//! - `router`: all routes. `service`: what applies to every request. [`ResourceApp`]: the running app.
//!
//! `examples/archive` adds a role, a policy and a guarded route.

mod app;
mod azure_ad;
mod caller;
mod error;
mod health;
mod metrics;
mod observation;
mod openapi;
mod policies;
mod readiness;
mod resources;
mod router;
mod service;
pub mod settings;
mod state;
mod store;
#[cfg(test)]
mod test_log;

pub use app::{ResourceApp, StartError};
pub use error::{ApiError, RequestError, codes};
pub use resources::ResourceId;
pub use router::{api, table};
pub use settings::Settings;
pub use state::AppState;
pub use store::{InvalidLocation, Location, OpenError, ResourceKey, Store, StoreError, Versioned};

use entra_guard::RouteTable;
use entra_guard::explain::Report;

/// Returns all routes with their policies and the settings' demands.
///
/// # Errors
/// Routes and settings contradict each other.
pub fn routes(settings: &Settings) -> Result<RouteTable, StartError> {
    Ok(router::table(&router::api(&settings.authorization))?)
}

/// Evaluates every check and policy for a token under these settings, as of now.
///
/// # Errors
/// A setting is unusable.
pub async fn explain(settings: &Settings, token: &str) -> Result<Report, StartError> {
    let guard = azure_ad::authentication(settings, None, &metrics::Metrics::new())?;
    Ok(guard.explain(token, &router::api(&settings.authorization)).await?)
}
