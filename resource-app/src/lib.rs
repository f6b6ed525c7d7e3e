//! The guarded API: it validates access tokens of Entra ID, enforces policies, and stores resources.
//!
//! # Layout
//!
//! - `azure_ad` builds both from the [`settings`]; `guard` puts both before the routes.
//! - `resources`, `caller`, `health`: the handlers, which answer in `json`. `error` turns what goes wrong into HTTP.
//! - [`explain`]: what becomes of a token here, for a person.
//! - `store`: the database.
//! - `router` puts the routes together, `service` what surrounds them, [`ResourceApp`] the whole.
//!
//! # A handler names its policy
//!
//! ```
//! use resource_app::Authorized;
//! use entra_guard::authorization::ReadPolicy;
//!
//! async fn list(authorized: Authorized<ReadPolicy>) -> String {
//!     authorized.principal().client_id().to_string()
//! }
//! fn guarded<H, T>(_: H) where H: axum::handler::Handler<T, resource_app::AppState>, T: resource_app::HasPolicy {}
//! guarded(list);
//! ```
//!
//! One that names none is not taken:
//!
//! ```compile_fail,E0277
//! async fn list() -> String {
//!     String::new()
//! }
//! fn guarded<H, T>(_: H) where H: axum::handler::Handler<T, resource_app::AppState>, T: resource_app::HasPolicy {}
//! guarded(list);
//! ```

mod app;
mod azure_ad;
mod caller;
mod error;
pub mod explain;
mod guard;
mod health;
mod json;
mod metrics;
mod observation;
mod openapi;
mod principal;
mod resources;
mod router;
mod service;
pub mod settings;
mod state;
mod store;
#[cfg(test)]
mod test_log;

pub use app::{ResourceApp, StartError};
pub use error::{ReasonCode, codes};
pub use guard::{
    Authorized, AuthorizedOn, AuthorizedTrying, GuardedRoute, HasPolicy, Route, RouteError, RouteTable,
};
pub use principal::Principal;
pub use settings::Settings;
pub use state::AppState;
pub use store::{InvalidLocation, Location, OpenError};

/// Which policy guards which route under `/api`; there are no other routes there.
///
/// # Errors
/// A policy cannot be used.
pub fn guarded_routes() -> Result<Vec<GuardedRoute>, entra_guard::authorization::PolicyError> {
    Ok(router::api()?.table().to_vec())
}

/// All routes, each with what guards it under these settings.
///
/// # Errors
/// Routes and policies do not fit together.
pub fn routes(settings: &Settings) -> Result<RouteTable, RouteError> {
    let policies = router::api()?.policies().clone();
    router::table(&settings.authorization.demand(policies))
}
