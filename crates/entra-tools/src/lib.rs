//! What operators run next to services that authenticate with Microsoft Entra ID.
//!
//! An API's deployment compares the app roles in its code with the tenant's registration:
//!
//! ```
//! use entra_tools::{DeclaredRole, app_role_drift, app_roles};
//!
//! let read = DeclaredRole {
//!     id: uuid::uuid!("a5f1c2de-0b7c-4f58-9d3c-6b2e8f4d1c01"),
//!     value: "Orders.Read",
//!     description: "Read orders.",
//! };
//! // In practice the output of `az ad app show`.
//! let exported = format!(r#"{{ "appRoles": {} }}"#, app_roles(&[read]));
//! for difference in app_role_drift(&[read], &exported)? {
//!     println!("{difference}");
//! }
//! # assert!(app_role_drift(&[read], &exported)?.is_empty());
//! # Ok::<(), entra_tools::InvalidManifest>(())
//! ```
//!
//! # Layout
//!
//! - [`doctor()`]: checks the way from a client to its resource, and names the step that fixes each failure.
//! - `drift`: compares app registrations and service principals with what they should be ([`app_role_drift`],
//!   [`manifest_drift`], [`principal_drift`]).
//! - `manifest`: reads manifests ([`Manifest`]). `declared_role`: the `appRoles` of an API ([`app_roles`]).
//! - `tenant`: a tenant's apps and grants ([`Tenant`]).
//! - `az`: generates a script that creates a tenant's apps in a real tenant ([`az_script`]).
//! - [`DecodedToken`]: an access token's claims, decoded but not verified.
//!
//! The feature `doctor`, on by default, adds the items that need the token retriever.
//!
//! Dependency rule: of the workspace this crate depends on `entra-shared` and `entra-token` alone. It knows no app: roles,
//! settings and directories are arguments.

mod az;
mod declared_role;
#[cfg(feature = "doctor")]
mod decoded_token;
#[cfg(feature = "doctor")]
mod doctor;
mod drift;
mod manifest;
mod tenant;

pub use az::az_script;
pub use declared_role::{DeclaredRole, app_roles};
#[cfg(feature = "doctor")]
pub use decoded_token::DecodedToken;
#[cfg(feature = "doctor")]
pub use doctor::{ClientSetup, Report, ResourceUrls, doctor};
pub use drift::{
    Difference, ExportedPrincipal, InvalidPrincipal, app_role_drift, manifest_drift, principal_drift,
};
pub use manifest::{InvalidManifest, Manifest, remove_read_only};
pub use tenant::{Grant, ServicePrincipal, Tenant};
