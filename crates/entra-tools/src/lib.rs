//! What operators run next to services that authenticate with Microsoft Entra ID.
//!
//! # Layout
//!
//! - [`doctor`]: checks the way from a client to its resource, and names the step that fixes each failure.
//! - [`DecodedToken`]: an access token's claims, decoded but not verified.
//!
//! Dependency rule: of the workspace this crate depends on `entra-guard`, `entra-token` and `entra-shared` alone. It
//! knows no app: roles and settings are arguments.

mod decoded_token;
mod doctor;

pub use decoded_token::DecodedToken;
pub use doctor::{ClientSetup, Report, ResourceUrls, doctor};
