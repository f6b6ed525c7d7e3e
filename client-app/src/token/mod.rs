//! Access tokens by the client credentials grant (RFC 6749 section 4.4), acquired once and kept while usable.
//!
//! ```
//! use client_app::token::{TokenRequest, TokenRetriever};
//! use shared::azure_ad::Version;
//! # use shared::ids::AppIdUri;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let stand_in = authority_app::Authority::builder().spawn().await?;
//! # let tenant = stand_in.tenant().await?;
//! # let orders = tenant.application("orders")?.role("Orders.Read")?;
//! # let registration = tenant.client("caller")?.grant(&orders, "Orders.Read")?;
//! # let (authority, client_id, secret) =
//! #     (tenant.authority(), registration.client_id(), registration.secret().clone());
//! # let resource = AppIdUri::parse(orders.app_id_uri())?;
//! # let ca = reqwest::Certificate::from_pem(stand_in.ca_certificate_pem().as_bytes())?;
//! # let http = reqwest::Client::builder().no_proxy().tls_certs_merge([ca]).build()?;
//! let credentials = secret.into();
//! let request = TokenRequest { authority, client_id, credentials, resource, version: Version::V2 };
//! let retriever = TokenRetriever::new(request, http.clone());
//!
//! let token = retriever.token().await?;
//! let request = http.get("https://api.contoso.com/orders").header("authorization", token.authorization());
//! # assert!(token.is_usable() && request.build()?.headers().contains_key("authorization"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The authority is `Authority::new(Instance::parse("https://login.microsoftonline.com")?, tenant_id, None)`, or another
//! cloud's instance; [`Credentials`] are made from a secret, certificates, a federated token, or several of these.
//!
//! A caller that wants to know what to do about an error matches on it:
//!
//! ```
//! use client_app::token::TokenError;
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
//! - `response`: what an authority may answer, checked strictly; `redaction`: what of its words is shown; `patience`: how
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
mod patience;
mod redaction;
mod request;
mod response;
mod retriever;
mod source;
mod status;

pub use access_token::Token;
pub use credential::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles, Claimant,
    Credential, CredentialError, CredentialProblem, Credentials, Expiry, FederatedCredential, Proof,
    SecretCredential,
};
pub use error::{
    ConfigurationFault, CredentialFault, Malformed, Outage, OutageCause, Refusal, RequestIds, TokenError,
};
pub use managed_identity::{IdentityEndpoint, ManagedIdentity, ManagedIdentityFault, UserAssigned};
pub use request::TokenRequest;
pub use retriever::TokenRetriever;
pub use source::TokenSource;
pub use status::TokenStatus;
