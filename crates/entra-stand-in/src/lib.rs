//! A local stand-in for Microsoft Entra ID: app-only tokens for tests and demos, without a tenant.
//!
//! **Never trust its issuer or its certificate authority outside tests:** anyone who reaches it can have any token.
//!
//! A test creates a tenant for itself, an API with a role, and a client that is granted the role:
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let authority = entra_stand_in::Authority::builder().spawn().await?;
//! let tenant = authority.tenant().await?;
//! let api = tenant.application("orders")?.role("Orders.Read")?;
//! let client = tenant.client("caller")?.grant(&api, "Orders.Read")?;
//! let token = client.token(&api).await?; // acquired over https, with the client's secret
//! for bad in tenant.bad_tokens(&client, &api)? {
//!     // send `bad.authorization()` to your API; it must answer `bad.expected()`
//! #   assert_ne!(bad.expected().status(), 200);
//! }
//! # assert_eq!(token.expose().split('.').count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The service under test is pointed at [`Authority::instance`] and [`Tenant::id`], and trusts
//! [`Authority::ca_certificate_pem`]. For programs in other languages, the admin listener ([`Authority::admin_url`])
//! offers the same over plain http and JSON.
//!
//! # Layout
//!
//! - [`Authority`]: the running stand-in and its listeners. [`Tenant`], [`Application`] and [`Client`]: what a test
//!   registers.
//! - `directory/`: tenants, app registrations and grants, read from files or changed by tests.
//! - `credentials/`: verifies secrets, client assertions and federated tokens.
//! - `endpoints/`: token, discovery, key set, instance discovery, managed identity. `errors` has every AADSTS code with
//!   its status and text, `grant` the claims of a token, `origin` the URLs in documents and issuers.
//! - `keys/`: the signing keys. `certificates`: the certificate authority for https. [`DataFolder`] stores both.
//! - [`Clock`], [`Faults`], [`Journal`] and [`catalogue`]: time, failures, recorded requests, and tokens that no API may
//!   accept.
//! - `explain/`: explains an AADSTS code, or a token against the directory.
//! - `admin`: the listener for tests in other processes.
//!
//! It depends on `entra-shared` and `http-shell`, and on neither library under test, so that it cannot share their
//! mistakes.

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
mod identity_tokens;
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
