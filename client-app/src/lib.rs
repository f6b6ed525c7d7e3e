//! Acquires access tokens with the client credentials grant and calls the resource, as one-shot commands or as a
//! middle-tier web service.
//!
//! # Layout
//!
//! - [`Settings`]: the settings; create the token retriever and the resource's client from them.
//! - [`resource_client`]: calls the resource and attaches the token to requests to its origin only.
//! - [`ClientApp`]: the web service, with its routes in `web` and its metrics in `metrics`; `expiry` watches credentials.
//! - The program adds its arguments and the one-shot commands, in `commands`.
//!
//! Dependency rule: of the workspace's crates this one uses `entra-shared`, `entra-token`, `entra-tools` and `http-shell`.

pub mod resource_client;

mod app;
mod expiry;
mod metrics;
mod settings;
mod web;

pub use app::{ClientApp, StartError};
pub use settings::{AzureAdSettings, CredentialKind, CredentialSettings, ResourceSettings, Settings};
