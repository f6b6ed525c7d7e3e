//! An HTTP client that calls one API and attaches the app's access token to each request.

mod base_url;
mod challenge;
mod request;
mod retries;
mod send;

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::HttpClient;
use http::Method;
use tokio_util::sync::CancellationToken;

use crate::{Token, TokenError, TokenRetriever};
use send::Call;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use request::BearerRequest;

/// The default time limit of a call.
const TIMEOUT: Duration = Duration::from_secs(25);

/// An HTTP client for one API, which attaches an access token to each request.
///
/// The token goes to the origin of the base URL alone: every URL is made from it, and redirects are not followed.
/// A call is repeated if that is safe:
///
/// - a 401 with `invalid_token` once, with a new token; a claims challenge once, with a token that has the claims;
/// - a 403 for lack of a role once, if [`TokenRetriever::token_after_denial`] returns another token; otherwise the response has
///   a [`DeniedToken`](crate::DeniedToken) among its extensions;
/// - a 429 or 503 with `Retry-After`, and a lost connection, if the request is idempotent (GET, HEAD, PUT, DELETE, or an
///   `Idempotency-Key` header).
///
/// A request whose body is a stream cannot be repeated, so its first response is returned. Clones share connections
/// and the token.
#[derive(Debug, Clone)]
pub struct BearerClient {
    base_url: Arc<BaseUrl>,
    retriever: TokenRetriever,
    http: HttpClient,
    timeout: Duration,
    shutdown: CancellationToken,
}

/// Why a call has no response. Responses of any status are responses, not errors.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no access token.
    #[error("no access token")]
    Token(#[from] TokenError),
    /// The request could not be built or sent, or its connection was lost.
    #[error("no response")]
    Request(#[source] reqwest::Error),
    /// The call took longer than its time limit.
    #[error("{awaited} in {} s", limit.as_secs())]
    TimedOut {
        /// The step that the call was waiting for.
        awaited: Awaited,
        /// The time limit of the call.
        limit: Duration,
    },
    /// The process is shutting down, and there is no usable token.
    #[error("shutting down; not waiting for an access token")]
    ShuttingDown,
}

/// The step that a call was waiting for when its time limit passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// An access token from the authority or the managed identity endpoint.
    Token,
    /// The API's response.
    Response,
}

impl std::fmt::Display for Awaited {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Token => "no access token",
            Self::Response => "no complete response",
        })
    }
}

impl BearerClient {
    /// Creates a client of the API at `base_url`, such as `https://api.contoso.com/v1`.
    ///
    /// # Errors
    ///
    /// The URL is malformed, or is plain http to another machine, where anyone on the way could read the token (RFC
    /// 6750 section 5.2).
    pub fn new(base_url: &str, retriever: TokenRetriever) -> Result<Self, InvalidBaseUrl> {
        let base_url = BaseUrl::parse(base_url)?;
        if base_url.exposes_tokens() {
            return Err(InvalidBaseUrl::PlainHttp);
        }
        Ok(Self::with_base_url(base_url, retriever))
    }

    /// Creates a client like [`new`](Self::new), but accepts plain http to any machine.
    #[must_use]
    pub fn with_base_url(base_url: BaseUrl, retriever: TokenRetriever) -> Self {
        Self {
            base_url: Arc::new(base_url),
            http: retriever.http_client().clone(),
            retriever,
            timeout: TIMEOUT,
            shutdown: CancellationToken::new(),
        }
    }

    /// Sends requests with this HTTP client instead of the retriever's.
    #[must_use]
    pub fn http_client(self, http: HttpClient) -> Self {
        Self { http, ..self }
    }

    /// Limits the time of a call: the wait for a token, retries, and the response's headers. The default is 25 s.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Stops waiting for tokens and retries once `shutdown` is cancelled. Requests under way are not cancelled.
    #[must_use]
    pub fn until(self, shutdown: CancellationToken) -> Self {
        Self { shutdown, ..self }
    }

    /// Returns the retriever whose tokens are sent.
    #[must_use]
    pub fn token_retriever(&self) -> &TokenRetriever {
        &self.retriever
    }

    /// Returns a usable token, within the same limits as a call.
    ///
    /// # Errors
    /// There is no token, or not in time.
    pub async fn token(&self) -> Result<Arc<Token>, CallError> {
        Call::new(self).token().await
    }

    /// Begins a GET request to a path below the base URL.
    pub fn get(&self, path: &str) -> BearerRequest {
        self.request(Method::GET, path)
    }

    /// Begins a POST request to a path below the base URL.
    pub fn post(&self, path: &str) -> BearerRequest {
        self.request(Method::POST, path)
    }

    /// Begins a PUT request to a path below the base URL.
    pub fn put(&self, path: &str) -> BearerRequest {
        self.request(Method::PUT, path)
    }

    /// Begins a PATCH request to a path below the base URL.
    pub fn patch(&self, path: &str) -> BearerRequest {
        self.request(Method::PATCH, path)
    }

    /// Begins a DELETE request to a path below the base URL.
    pub fn delete(&self, path: &str) -> BearerRequest {
        self.request(Method::DELETE, path)
    }

    /// Begins a request to a path below the base URL, such as `/orders`.
    pub fn request(&self, method: Method, path: &str) -> BearerRequest {
        BearerRequest { client: self.clone(), request: self.http.request(method, self.base_url.join(path)) }
    }
}
