//! What operators run next to services that authenticate with Microsoft Entra ID.
//!
//! # Layout
//!
//! - [`doctor`]: checks the way from a client to its resource, and names the step that fixes each failure.
//! - `drift`: compares app registrations and service principals with what they should be.
//! - `manifest`: reads manifests ([`Manifest`]), writes the `appRoles` of an API ([`app_roles`]).
//! - `az`: generates a script that creates a directory's apps in a real tenant ([`az_script`]).
//! - [`DecodedToken`]: an access token's claims, decoded but not verified.
//!
//! The feature `doctor`, on by default, adds the items that need the token retriever.
//!
//! Dependency rule: of the workspace this crate depends on `entra-shared` and `entra-token` alone. It knows no app: roles,
//! settings and directories are arguments.

mod az;
#[cfg(feature = "doctor")]
mod decoded_token;
#[cfg(feature = "doctor")]
mod doctor;
mod drift;
mod manifest;
mod tenant;

pub use az::az_script;
#[cfg(feature = "doctor")]
pub use decoded_token::DecodedToken;
#[cfg(feature = "doctor")]
pub use doctor::{ClientSetup, Report, ResourceUrls, doctor};
pub use drift::{
    Difference, ExportedPrincipal, InvalidPrincipal, app_role_drift, manifest_drift, principal_drift,
};
pub use manifest::{DeclaredRole, InvalidManifest, Manifest, app_roles, remove_read_only};
pub use tenant::{Grant, ServicePrincipal, Tenant};
