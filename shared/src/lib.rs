//! What the services of this workspace have in common, and nothing that only one of them needs.
//!
//! # Layout
//!
//! - Settings: [`settings`] loads them in layers and names what is wrong with them.
//! - The domain's words: [`ids`], [`secret`], [`azure_ad`] (instances, authorities, versions).
//! - What travels: [`json`], [`claims`] (access tokens), [`token_endpoint`], [`aadsts`] (Entra's error codes),
//!   [`resource`] (the API's wire types), [`problem`] (RFC 9457).
//! - What every binary stands on: [`correlation`], [`http_client`], [`server`], [`loopback`], [`telemetry`], [`flood`],
//!   [`process`]; and, with the feature `metrics`, `metrics` and `route_names`: numbers
//!   of what the services do, and what they call their routes.
//!
//! Dependency rule: this crate depends on none of the others, knows neither axum nor jsonwebtoken,
//! and every other crate may depend on it.

pub mod aadsts;
pub mod azure_ad;
pub mod claims;
pub mod correlation;
pub mod flood;
pub mod http_client;
pub mod ids;
pub mod json;
pub mod loopback;
#[cfg(feature = "metrics")]
pub mod metrics;
pub mod problem;
pub mod process;
pub mod resource;
#[cfg(feature = "metrics")]
pub mod route_names;
pub mod secret;
pub mod server;
pub mod settings;
pub mod telemetry;
pub mod token_endpoint;
