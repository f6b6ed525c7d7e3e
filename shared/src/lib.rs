#![doc = include_str!("../README.md")]
//!
//! # Layout
//!
//! - [`settings`]: names what is wrong with a setting; with the feature `settings`, loads settings in layers.
//! - The domain's words: [`ids`], [`secret`], [`azure_ad`] (instances, authorities, versions).
//! - What travels: [`json`], [`claims`] (access tokens), [`token_endpoint`], [`aadsts`] (Entra's error codes),
//!   [`resource`] (the API's wire types), [`problem`] (RFC 9457), [`correlation`] (request ids and traces).
//! - [`http_client`]: every request that leaves a service of this workspace; [`loopback`]: what names this machine.
//! - [`log_limit`]: limits repeated log lines.
//! - `jwt`, a feature: the cryptography provider of jsonwebtoken and the signature check.
//!
//! Dependency rule: this crate depends on none of the others, does not know axum,
//! and every other crate but `http-shell` may depend on it.

pub mod aadsts;
pub mod azure_ad;
pub mod claims;
pub mod correlation;
mod error;
pub mod http_client;
pub mod ids;
pub mod json;
#[cfg(feature = "jwt")]
pub mod jwt;
pub mod log_limit;
pub mod loopback;
pub mod problem;
pub mod resource;
pub mod secret;
pub mod settings;
pub mod token_endpoint;

pub use error::one_line;
