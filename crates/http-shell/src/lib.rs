//! What a service stands in: an HTTP server with limits, logging, metrics, and an orderly start and end.
//!
//! # Layout
//!
//! - [`server`]: HTTP/1.1 with TLS, limits on what a peer can hold open, and graceful shutdown.
//! - [`telemetry`]: the log; [`metrics`](mod@metrics) and [`route_names`]: Prometheus metrics, and the routes' names in them.
//! - [`process`]: signals and exit codes.
//!
//! Dependency rule: this crate knows nothing of Entra and depends on no other crate of this workspace.

mod invalid_setting;
pub mod metrics;
pub mod process;
pub mod route_names;
pub mod server;
pub mod telemetry;

pub use invalid_setting::InvalidSetting;
