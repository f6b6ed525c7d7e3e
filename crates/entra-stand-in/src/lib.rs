//! A local stand-in for Microsoft Entra ID: app-only tokens for tests and demos, without a tenant.
//!
//! Its tokens are for software under test. Anybody can have one: never trust its issuer or its certificate
//! authority where anything is at stake.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let authority = entra_stand_in::Authority::builder().spawn().await?;
//! println!("set AZURE_AUTHORITY_HOST to {}", authority.instance());
//! authority.shutdown().await;
//! # Ok::<(), entra_stand_in::StartError>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A test has a tenant to itself, with a client that holds one role, and a token that it acquired over https:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let authority = entra_stand_in::Authority::builder().spawn().await?;
//! let tenant = authority.tenant().await?;
//! let api = tenant.application("orders")?.role("Orders.Read")?;
//! let client = tenant.client("caller")?.grant(&api, "Orders.Read")?;
//! let token = client.token(&api).await?;
//! # assert_eq!(token.expose().split('.').count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Layout
//!
//! - [`Authority`] is the running whole: its listeners, and what a test does to it beyond Entra (`authority`, `mint`).
//! - What it knows: [`Directory`] (`directory/`: tenants, apps, grants, read from files).
//! - How a client proves itself: `credentials/` (secrets, certificates, federated credentials with the keys of their
//!   issuers, and what strict mode refuses).
//! - What it answers: `endpoints/` (token, discovery, key set, instance discovery), `errors` (every AADSTS code with
//!   its status and text), `grant` (the claims of a token), `origin` (whose name stands in URLs and issuers);
//!   `endpoints/managed_identity` does so for managed identities, on a listener of its own.
//! - What it says to people: `explain/` (an error code, a token against the directory), and [`Registrations`]: the
//!   directory's manifests and service principals.
//! - What it signs with: `keys/` (the signing keys), `certificates` (https), [`DataFolder`] (where both are kept).
//! - What tests do: [`Tenant`] (`tenants` holds them, `tenant/` is what a test does with one: [`Application`],
//!   [`Client`]), [`Clock`], [`Faults`], [`Journal`], and [`catalogue`], the tokens that no API may accept.
//! - `admin` is the listener for tests in other processes.
//!
//! Dependency rule: this crate depends on `shared` and on none of the other services.

mod admin;
mod authority;
pub mod catalogue;
mod certificates;
mod clock;
mod context;
mod credentials;
mod data_folder;
mod directory;
mod endpoint;
mod endpoints;
mod errors;
mod explain;
mod faults;
mod grant;
mod journal;
mod keys;
mod mint;
mod origin;
mod tenant;
mod tenants;

pub use authority::{Authority, Builder, DEVELOPMENT_IDENTITY_HEADER, StartError};
pub use certificates::{CertificateAuthority, IssueError, IssuedCertificate};
pub use clock::Clock;
pub use credentials::hash_secret;
pub use data_folder::DataFolder;
pub use directory::{
    Directory, DirectoryError, ManifestFile, ManifestFormat, RegisteredPrincipal, RegisteredTenant,
    RegistrationError, Registrations, graph_manifest,
};
pub use endpoint::Endpoint;
pub use explain::Explanation;
pub use faults::{Fault, Faults};
pub use journal::{Bounds, Count, Entries, Entry, Journal};
pub use keys::{KeyState, RollError, SigningKeys};
pub use mint::{MintError, MintRequest};
pub use tenant::{Application, Client, Tenant, TokenError};
pub use tenants::TenantError;
