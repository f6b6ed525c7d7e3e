//! The whole system on one machine, and the walkthrough that shows the flow.
//!
//! # Layout
//!
//! - `system` starts the stand-in, the resource-app and the client-app in one process, all on https and loopback.
//! - [`walkthrough`] asks them, or services that already run, for everything the flow is made of, and tells a step
//!   that went otherwise from one that went as expected.
//! - [`settings`] says what the walkthrough talks to.
//!
//! Dependency rule: this crate depends on the three apps and on [`shared`]; only the integration suite depends on it.

pub mod settings;
#[cfg(feature = "system")]
pub mod system;
pub mod walkthrough;

pub use settings::Settings;
#[cfg(feature = "system")]
pub use system::System;
pub use walkthrough::Walkthrough;
