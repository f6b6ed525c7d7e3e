#![doc = include_str!("../README.md")]
//!
//! # Layout
//!
//! - [`server`]: HTTP/1.1 with TLS, limits on what a peer can hold open, and graceful shutdown.
//! - [`telemetry`]: the log; [`metrics`](mod@metrics): Prometheus metrics; [`route_names`]: the names of routes in both.
//! - [`BoundService`]: a service and its metrics, from binding to shutdown.
//! - [`process`]: signals and exit codes; `arguments` (feature `arguments`): parsing them with clap.
//!
//! Dependency rule: this crate knows nothing of Entra and depends on no other crate of this workspace.

#[cfg(feature = "arguments")]
pub mod arguments;
mod bound_service;
mod invalid_setting;
pub mod metrics;
pub mod process;
mod redaction;
pub mod route_names;
pub mod server;
pub mod telemetry;

pub use bound_service::BoundService;
pub use invalid_setting::InvalidSetting;
