//! Access tokens by the client credentials grant (RFC 6749 section 4.4), acquired once and kept while usable.
//!
//! All that a caller needs is here. What stands in the app registration is text:
//!
//! ```
//! use entra_token::{Authority, ClientSecret, HttpClient, Instance, TokenRequest, TokenRetriever, Version};
//! type Failure = Box<dyn std::error::Error>;
//!
//! fn caller_of_orders(
//!     [instance, tenant, client, secret, orders, ca_pem]: [&str; 6],
//! ) -> Result<TokenRetriever, Failure> {
//!     let http = HttpClient::trusting(ca_pem)?;
//!     let authority = Authority::new(Instance::parse(instance)?, tenant.parse()?, None);
//!     let (credentials, version) = (ClientSecret::parse(secret)?.into(), Version::V2);
//!     let (client_id, resource) = (client.parse()?, orders.parse()?);
//!     Ok(TokenRetriever::new(TokenRequest { authority, client_id, credentials, resource, version }, http))
//! }
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let stand_in = entra_stand_in::Authority::builder().spawn().await?;
//! # let tenant = stand_in.tenant().await?;
//! # let orders = tenant.application("orders")?.role("Orders.Read")?;
//! # let caller = tenant.client("caller")?.grant(&orders, "Orders.Read")?;
//! # let (instance, tenant_id, client_id) =
//! #     (stand_in.instance().to_string(), tenant.id().to_string(), caller.client_id().to_string());
//! # let (secret, app_id_uri) = (caller.secret().expose(), orders.app_id_uri().to_string());
//! # let registered = [&instance, &tenant_id, &client_id, secret, &app_id_uri, stand_in.ca_certificate_pem()];
//!
//! let retriever = caller_of_orders(registered)?;
//! let authorization = retriever.authorization().await?; // for the header of that name, ready-made
//! # assert!(authorization.to_str()?.starts_with("Bearer ") && authorization.is_sensitive());
//! # Ok::<(), Failure>(())
//! # })?;
//! # Ok::<(), Failure>(())
//! ```
//!
//! Entra's own instance is `https://login.microsoftonline.com`; another cloud's works alike. No certificate authorities
//! but the system's are trusted where `ca_pem` is empty. [`Credentials`] are made from a secret, certificates, a
//! federated token, or several of these. A retriever is made once, and kept: it holds the token.
//!
//! [`HttpClient`] follows no redirect, so that no secret goes on to wherever an answer points; one that might is not
//! taken:
//!
//! ```compile_fail,E0308
//! use entra_token::{TokenRequest, TokenRetriever};
//!
//! fn retriever(request: TokenRequest) -> TokenRetriever {
//!     TokenRetriever::new(request, reqwest::Client::new())
//! }
//! ```
//!
//! A caller that wants to know what to do about an error matches on it:
//!
//! ```
//! use entra_token::TokenError;
//!
//! fn advice(error: &TokenError) -> String {
//!     match error {
//!         TokenError::Credential(_) => format!("renew the credential: {error}"),
//!         TokenError::Configuration(_) => format!("correct the registration or the settings: {error}"),
//!         TokenError::Throttled { retry_after, .. } => format!("wait {} s", retry_after.as_secs()),
//!         other if other.is_retryable() => "try again soon".to_owned(),
//!         other => other.to_string(),
//!     }
//! }
//! ```
//!
//! # Layout
//!
//! - [`TokenRetriever`] is the way in: one for each client and resource, cloned freely.
//! - [`TokenRequest`]: who asks whom for what, and the form that is sent.
//! - `credential/`: what the client proves itself with. [`Credentials`] are tried in turn, each [`Credential`] makes a
//!   [`Proof`] for each request.
//! - `managed_identity`: where Azure vouches for the program, and no credential is needed; [`TokenSource`] is either way.
//! - `response`: what an authority may answer, checked strictly; `redaction`: what of a peer's words is shown; `retry_budget`: how
//!   long a request goes on, and its retry.
//! - `cache/`: one token, one request at a time, shared by all who wait; `spacing` says how often a renewal is tried,
//!   `challenges` how often claims are asked for and `pause` how long a failure stands. A retriever keeps one cache for
//!   each authority, tenant, client and resource.
//! - [`TokenStatus`]: how many requests ended how, for whoever watches.
//! - [`Token`] knows how long it is usable, and `life` why so long; [`TokenError`] who is at fault and what mends it.
//!
//! Dependency rule: nothing here knows the rest of the crate, so that the folder can be lifted out.

mod access_token;
mod cache;
mod credential;
mod error;
mod life;
mod managed_identity;
mod redaction;
mod request;
mod response;
mod retriever;
mod retry_budget;
mod source;
mod status;
#[cfg(test)]
mod test_log;

pub use entra_shared::azure_ad::{Authority, Instance, Version};
pub use entra_shared::http_client::{HttpClient, HttpClientSettings};
pub use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
pub use entra_shared::secret::{AccessToken, ClientSecret};

pub use access_token::Token;
pub use credential::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles, Claimant,
    Credential, CredentialError, CredentialProblem, Credentials, Expiry, FederatedCredential, Proof,
    SecretCredential,
};
pub use error::{
    ConfigurationFault, CredentialFault, Malformed, Outage, OutageCause, Refusal, RequestIds, TokenError,
};
#[doc(hidden)]
pub use life::random_fraction;
pub use managed_identity::{IdentityEndpoint, ManagedIdentity, ManagedIdentityFault, UserAssigned};
#[doc(hidden)]
pub use redaction::Redaction;
pub use request::TokenRequest;
pub use retriever::TokenRetriever;
pub use source::TokenSource;
pub use status::TokenStatus;
