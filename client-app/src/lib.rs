//! Acquires access tokens with the client credentials grant and calls the resource: a library, one-shot commands,
//! and a web service in the middle tier.
//!
//! # Layout
//!
//! - [`resource_client`]: calls the resource, and attaches the token to that origin alone.
//! - [`Settings`]: what can be set; it makes both of the above.
//! - [`ClientApp`]: the web service, its routes in `web`, its numbers in `metrics`; `expiry` watches its credentials.
//! - [`commands`]: what the program prints.
//!
//! Dependency rule: of the workspace this crate knows `entra-shared`, `entra-token`, `entra-tools` and `http-shell`.

pub mod commands;
pub mod resource_client;

mod app;
mod expiry;
mod metrics;
mod settings;
mod web;

pub use app::{ClientApp, StartError};
pub use settings::{AzureAdSettings, CredentialKind, CredentialSettings, ResourceSettings, Settings};
