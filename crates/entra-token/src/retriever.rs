//! Retrieves the tokens of one client for one resource.

mod caches;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::AppIdUri;
use http::HeaderValue;

use self::caches::Caches;
use super::cache::{Attempt, Cache, TokenOrigin};
use super::{DeniedToken, Token, TokenError, TokenSource, TokenStatus};

/// Retrieves the tokens of one client for one resource. Clones share the cache.
///
/// A cached token that is usable is returned immediately, without a lock, and renewed in the background when renewal is
/// due. Without one, all callers share one token request and its outcome. Dropping a caller's future does not cancel that
/// request. After two failures in a row, callers get the last error immediately, while one request at a time tries again.
#[derive(Clone)]
pub struct TokenRetriever {
    source: Arc<TokenSource>,
    http: HttpClient,
    cache: Arc<Cache>,
    caches: Arc<Caches>,
}

impl TokenRetriever {
    /// Creates a retriever with an empty cache; the first token request is sent when a token is needed.
    ///
    /// An [`HttpClient`] follows no redirects, which could send the credential to another server.
    #[must_use]
    pub fn new(source: impl Into<TokenSource>, http: HttpClient) -> Self {
        let (source, caches) = (source.into(), Arc::<Caches>::default());
        Self { cache: caches.for_source(&source), source: Arc::new(source), http, caches }
    }

    /// Returns a retriever of the same client's tokens for another resource. The two share their caches.
    #[must_use]
    pub fn for_resource(&self, resource: AppIdUri) -> Self {
        self.for_source(self.source.for_resource(resource))
    }

    /// Returns a retriever for another client, tenant or resource.
    ///
    /// Tokens are cached by authority, tenant, client and resource. Retrievers with the same key share a token, and
    /// requests for different keys do not wait for each other.
    #[must_use]
    pub fn for_source(&self, source: impl Into<TokenSource>) -> Self {
        let source = source.into();
        let cache = self.caches.for_source(&source);
        Self { source: Arc::new(source), cache, http: self.http.clone(), caches: Arc::clone(&self.caches) }
    }

    /// Returns the HTTP client that token requests are sent with.
    #[must_use]
    pub fn http_client(&self) -> &HttpClient {
        &self.http
    }

    /// Returns the source of the tokens: the client, its authority and the resource.
    #[must_use]
    pub fn source(&self) -> &TokenSource {
        &self.source
    }

    /// Returns a usable token, from the cache if there is one.
    ///
    /// # Errors
    /// There is no usable token in the cache, and the token request failed.
    pub async fn token(&self) -> Result<Arc<Token>, TokenError> {
        self.cache.token(self, Arc::clone).await
    }

    /// Returns the cached token if it is usable, and starts its renewal if that is due. Never waits.
    #[must_use]
    pub fn cached_token(&self) -> Option<Arc<Token>> {
        self.cache.cached(self, Arc::clone)
    }

    /// Returns the `Authorization` header value of a usable token, marked sensitive.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub async fn authorization(&self) -> Result<HeaderValue, TokenError> {
        self.cache.token(self, |token| token.authorization().clone()).await
    }

    /// Evicts a token that the resource rejected, and tells whether [`token`](Self::token) will return another one.
    ///
    /// Does nothing if the token was replaced already, so that many callers with one rejected token cause one token
    /// request. A token is evicted at most once in 30 seconds.
    pub fn reject(&self, token: &Token) -> bool {
        self.cache.reject(token)
    }

    /// Requests a token in response to a claims challenge, and replaces the cached token with it.
    ///
    /// `claims` is the JSON of the challenge, which is sent to the token endpoint. Callers with equal claims share one
    /// request. At most two requests with claims are sent in 30 seconds; beyond that, the cached token is returned.
    /// Later renewals omit the claims.
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
    ///
    /// # Errors
    /// The token request failed.
    pub async fn token_with_claims(&self, claims: &str) -> Result<Arc<Token>, TokenError> {
        self.cache.request(Some(claims.into()), self).await
    }

    /// Requests another token after the resource denied a call (403) for lack of a role, which may have been granted since.
    ///
    /// A token younger than a minute is not replaced. Otherwise one request is sent in five minutes, and the interval doubles
    /// to an hour while calls are denied. Returns a token that differs from `token`, which it replaces in the cache.
    ///
    /// # Errors
    /// It is too soon, the request failed, or the authority has handed out the same token again.
    pub async fn token_after_denial(&self, token: &Token) -> Result<Arc<Token>, DeniedToken> {
        let replaced = self.cache.replace_denied(token, self).await;
        replaced.map_err(|denied| match *self.source {
            // However old its token is: a process that has just started gets the same one.
            TokenSource::ManagedIdentity(_) => {
                DeniedToken { unchanged_until: Some(token.expires_at()), ..denied }
            }
            TokenSource::TokenEndpoint(_) => denied,
        })
    }

    /// Notes that a call with a token of [`token_after_denial`](Self::token_after_denial) was not denied.
    pub(crate) fn denial_is_over(&self) {
        self.cache.reset_denials();
    }

    /// Returns the cached token, usable or not. Sends no request.
    #[must_use]
    pub fn kept_token(&self) -> Option<Arc<Token>> {
        self.cache.current()
    }

    /// Returns counters and the state of the cache, for metrics. Sends no request.
    #[must_use]
    pub fn status(&self) -> TokenStatus {
        self.cache.status()
    }
}

impl TokenOrigin for TokenRetriever {
    fn request(&self, attempt: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static {
        let (source, http) = (Arc::clone(&self.source), self.http.clone());
        async move { source.token(&attempt, &http).await }
    }

    fn generation(&self) -> impl Future<Output = u64> + Send + 'static {
        let source = Arc::clone(&self.source);
        async move {
            match source.credentials() {
                Some(credentials) => credentials.generation().await,
                None => 0,
            }
        }
    }

    fn timeout(&self) -> Duration {
        self.source.limit()
    }
}

impl fmt::Debug for TokenRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRetriever").field("source", &self.source).finish_non_exhaustive()
    }
}
