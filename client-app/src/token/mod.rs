//! Access tokens by the client credentials grant (RFC 6749 section 4.4), acquired once and kept while usable.
//!
//! ```no_run
//! use client_app::token::{TokenRequest, TokenRetriever};
//! use shared::azure_ad::{Authority, Instance, Version};
//! use shared::secret::ClientSecret;
//!
//! # async fn example(http: reqwest::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let instance = Instance::parse("https://login.microsoftonline.com")?;
//! let request = TokenRequest {
//!     authority: Authority::new(instance, "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20".parse()?, None),
//!     client_id: "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813".parse()?,
//!     credentials: ClientSecret::parse(std::env::var("AZURE_CLIENT_SECRET")?)?.into(),
//!     resource: "api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4".parse()?,
//!     version: Version::V2,
//! };
//! let retriever = TokenRetriever::new(request, http.clone());
//!
//! let token = retriever.token().await?;
//! let answer = http.get("https://api.contoso.com/").header("authorization", token.authorization()).send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Layout
//!
//! - [`TokenRetriever`] is the way in: one for each client and resource, cloned freely.
//! - [`TokenRequest`]: who asks whom for what, and the form that is sent.
//! - `credential/`: what the client proves itself with. [`Credentials`] are tried in turn, each [`Credential`] makes a
//!   [`Proof`] for each request.
//! - `managed_identity`: where Azure vouches for the program, and no credential is needed; [`TokenSource`] is either way.
//! - `response`: what an authority may answer, checked strictly.
//! - `cache`: one token, one request at a time, shared by all who wait.
//! - [`Token`] knows how long it is usable; [`TokenError`] who is at fault and what mends it.
//!
//! Dependency rule: nothing here knows the rest of the crate, so that the folder can be lifted out.

mod access_token;
mod cache;
mod credential;
mod error;
mod life;
mod managed_identity;
mod patience;
mod request;
mod response;
mod retriever;
mod source;

pub use access_token::Token;
pub use credential::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles, Claimant,
    Credential, CredentialError, CredentialProblem, Credentials, Expiry, FederatedCredential, Proof,
    SecretCredential,
};
pub use error::{
    ConfigurationFault, CredentialFault, Malformed, Outage, OutageCause, Refusal, RequestIds, TokenError,
};
pub use managed_identity::{IdentityEndpoint, ManagedIdentity, ManagedIdentityError, UserAssigned};
pub use request::TokenRequest;
pub use retriever::TokenRetriever;
pub use source::TokenSource;
