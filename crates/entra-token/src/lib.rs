//! Access tokens by the client credentials grant (RFC 6749 section 4.4), acquired once and kept while usable.
//!
//! Call an API with this program's own credential, which environment variables name:
//!
//! ```no_run
//! use entra_token::{BearerClient, TokenRetriever};
//!
//! # async fn call() -> Result<(), Box<dyn std::error::Error>> {
//! let retriever = TokenRetriever::from_env("api://orders")?;
//! let orders = BearerClient::new("https://orders.contoso.com", retriever)?;
//! let response = orders.get("/orders").send().await?.error_for_status()?;
//! # Ok(())
//! # }
//! ```
//!
//! Or retrieve a token for a client of which everything is known:
//!
//! ```
//! use entra_token::{Authority, ClientSecret, HttpClient, Instance, TokenRetriever};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let stand_in = entra_stand_in::Authority::builder().spawn().await?;
//! # let tenant = stand_in.tenant().await?;
//! # let orders = tenant.application("orders")?.role("Orders.Read")?;
//! # let caller = tenant.client("caller")?.grant(&orders, "Orders.Read")?;
//! # let (instance, tenant_id, client_id) =
//! #     (stand_in.instance().to_string(), tenant.id().to_string(), caller.client_id().to_string());
//! # let (secret, app_id_uri) = (caller.secret().expose(), orders.app_id_uri().to_string());
//! # let ca_pem = stand_in.ca_certificate_pem();
//! let authority = Authority::new(Instance::parse(&instance)?, tenant_id.parse()?, None);
//! let retriever = TokenRetriever::builder(authority, client_id.parse()?, ClientSecret::parse(secret)?)
//!     .http_client(HttpClient::trusting(ca_pem)?)
//!     .build(&app_id_uri)?;
//! let authorization = retriever.authorization().await?; // the value of the `Authorization` header
//! # assert!(authorization.to_str()?.starts_with("Bearer ") && authorization.is_sensitive());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Entra's own instance is `https://login.microsoftonline.com`. Make one retriever and keep it: it caches the token,
//! renews it in the background, and coalesces concurrent callers into one token request.
//!
//! [`HttpClient`] follows no redirects, since 307 and 308 would send the form with the secret to another server. So a
//! finished [`reqwest::Client`] is not accepted:
//!
//! ```compile_fail,E0308
//! # use entra_token::TokenRetrieverBuilder;
//! fn with_client(builder: TokenRetrieverBuilder) -> TokenRetrieverBuilder {
//!     builder.http_client(reqwest::Client::new())
//! }
//! ```
//!
//! [`TokenError`] tells who has to act:
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
//! - [`TokenRetriever`] is the entry point: one for each client and resource, cloned freely; `builder` and `environment`
//!   make one.
//! - [`BearerClient`] attaches tokens to the requests to one API.
//! - [`TokenRequest`]: which client asks which authority for which resource, and the form that is sent.
//! - `credential/`: [`Credentials`] are tried in turn, and each [`Credential`] makes a [`Proof`] for each request.
//! - `managed_identity`: tokens from the machine's identity endpoint; [`TokenSource`] is either of the two.
//! - `exchange`: one request and its response. `response`: strict validation of the authority's response.
//! - `redaction` removes credentials from a peer's text.
//! - `cache/`: one token and at most one request in flight, shared by all callers; backoff after failures.
//! - [`TokenStatus`]: counts of requests by outcome, for metrics.

mod access_token;
mod bearer_client;
mod builder;
mod cache;
mod credential;
mod environment;
mod error;
mod exchange;
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
mod throttle;

pub use entra_shared::azure_ad::{Authority, EndpointUrl, Endpoints, Instance, Version};
pub use entra_shared::http_client::{HttpClient, HttpClientSettings};
pub use entra_shared::ids::{AppIdUri, ClientId, Domain, TenantId};
pub use entra_shared::secret::{AccessToken, ClientSecret};

pub use access_token::{DeniedToken, Token};
pub use bearer_client::{Awaited, BaseUrl, BearerClient, BearerRequest, CallError, InvalidBaseUrl};
pub use builder::{BuildError, TokenRetrieverBuilder};
pub use credential::{
    Algorithm, AssertionAudience, AssertionOptions, CertificateCredential, CertificateFiles, Claimant,
    Credential, CredentialError, CredentialProblem, Credentials, Expiry, FederatedCredential, Proof,
    SecretCredential,
};
pub use environment::{EnvironmentError, selects_managed_identity, warn_of_unsupported_variables};
pub use error::{
    ConfigurationFault, CredentialFault, Malformed, Outage, OutageCause, Refusal, RequestIds, TokenError,
};
pub use managed_identity::{IdentityEndpoint, ManagedIdentity, ManagedIdentityFault, UserAssigned};
pub use redaction::Redaction;
pub use request::TokenRequest;
pub use retriever::TokenRetriever;
pub use source::TokenSource;
pub use status::TokenStatus;
