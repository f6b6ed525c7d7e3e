//! Runs the whole system on one machine and walks through its authentication flow.
//!
//! # Layout
//!
//! - `system` starts the stand-in, the resource-app and the client-app in one process, all on https and loopback.
//! - [`walkthrough`] makes every request of the flow against these or other running services, and checks the responses.
//! - [`settings`] names the services of the walkthrough.
//!
//! Dependency rule: this crate may depend on every other one; only the integration tests depend on it.

pub mod settings;
#[cfg(feature = "system")]
pub mod system;
pub mod walkthrough;

pub use settings::Settings;
#[cfg(feature = "system")]
pub use system::System;
pub use walkthrough::Walkthrough;
