//! A local stand-in for Microsoft Entra ID: app-only tokens for tests and demos, without a tenant.
//!
//! Its tokens are for software under test. Anybody can have one: never trust its issuer or its certificate
//! authority where anything is at stake.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let authority = authority_app::Authority::builder().spawn().await?;
//! println!("set AZURE_AUTHORITY_HOST to {}", authority.instance());
//! authority.shutdown().await;
//! # Ok::<(), authority_app::StartError>(())
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
//! - What it says to people: `explain/` (an error code, a token against the directory), `manifests/` (a registration
//!   written back, made in a real tenant with `az`, compared with a tenant's export), from [`Registrations`].
//! - What it signs with: `keys/` (the signing keys), `certificates` (https), [`DataFolder`] (where both are kept).
//! - `admin` is the listener for tests in other processes; [`Settings`] are those of the binary.
//!
//! Dependency rule: this crate depends on `shared` and on none of the other services.

mod admin;
mod authority;
mod certificates;
mod context;
mod credentials;
mod data_folder;
mod directory;
mod endpoints;
mod errors;
mod explain;
mod grant;
mod keys;
mod manifests;
mod mint;
mod origin;
mod settings;

pub use authority::{Authority, Builder, DEVELOPMENT_IDENTITY_HEADER, StartError};
pub use certificates::{CertificateAuthority, IssueError, IssuedCertificate};
pub use data_folder::DataFolder;
pub use directory::{Directory, DirectoryError, ManifestFormat, Registrations};
pub use explain::Explanation;
pub use keys::RollError;
pub use manifests::Difference;
pub use mint::{MintError, MintRequest};
pub use settings::Settings;
