//! The way to a token.

mod caches;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::AppIdUri;
use http::HeaderValue;

use self::caches::Caches;
use super::cache::{Attempt, Cache, TokenOrigin};
use super::{Token, TokenError, TokenSource, TokenStatus};

/// Retrieves the token of one client for one resource; clones share what they hold.
///
/// While a usable token is at hand a caller gets it at once, without a lock; when it is time, the next one is asked
/// for behind its back. Otherwise all callers share one request, and its failure too. The request belongs to none of
/// them: a caller may go away at any time. After two failures in a row nobody waits any more: callers get the failure at
/// once, while one request at a time finds out whether it still holds.
#[derive(Clone)]
pub struct TokenRetriever {
    source: Arc<TokenSource>,
    http: HttpClient,
    cache: Arc<Cache>,
    caches: Arc<Caches>,
}

impl TokenRetriever {
    /// A retriever that holds no token yet and asks for one when it is needed.
    ///
    /// The client's type is the one that follows no redirect, which would take the secret elsewhere.
    #[must_use]
    pub fn new(source: impl Into<TokenSource>, http: HttpClient) -> Self {
        let (source, caches) = (source.into(), Arc::<Caches>::default());
        Self { cache: caches.for_source(&source), source: Arc::new(source), http, caches }
    }

    /// The same client's retriever for another resource; what one of them holds is there for the other.
    #[must_use]
    pub fn for_resource(&self, resource: AppIdUri) -> Self {
        self.for_source(self.source.for_resource(resource))
    }

    /// A retriever for another client, tenant or resource. Tokens are kept by authority, tenant, client and resource:
    /// whoever asks for the same of each shares a token, and one key's renewal holds up no other.
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

    /// Returns what is asked for, and of which authority.
    #[must_use]
    pub fn source(&self) -> &TokenSource {
        &self.source
    }

    /// A usable token.
    ///
    /// # Errors
    /// No usable token is at hand, and the authority gave none.
    pub async fn token(&self) -> Result<Arc<Token>, TokenError> {
        self.cache.token(self, Arc::clone).await
    }

    /// Returns the cached token if it is usable. Renewal begins as with [`token`](Self::token).
    #[must_use]
    pub fn cached_token(&self) -> Option<Arc<Token>> {
        self.cache.cached(self, Arc::clone)
    }

    /// The value of the `Authorization` header of a usable token, ready-made and marked sensitive: for whoever needs
    /// no more of the token than that.
    ///
    /// # Errors
    /// As for [`token`](Self::token).
    pub async fn authorization(&self) -> Result<HeaderValue, TokenError> {
        self.cache.token(self, |token| token.authorization().clone()).await
    }

    /// Drops a token that the resource rejected, and tells whether [`token`](Self::token) brings another one.
    ///
    /// Where another one is there by now, nothing happens: a thousand callers whose token was rejected cost one
    /// request. Tokens that are rejected one after the other, as they come, are dropped once in 30 seconds.
    pub fn reject(&self, token: &Token) -> bool {
        self.cache.reject(token)
    }

    /// A token in answer to a claims challenge: `claims`, as JSON, go to the token endpoint, and the token takes the
    /// place of the one that was challenged.
    ///
    /// Callers who were challenged alike share one request. Two requests with claims are made in 30 seconds at most;
    /// beyond them the token at hand is the answer. The next renewal asks without the claims.
    /// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
    ///
    /// # Errors
    /// The authority gave no such token.
    pub async fn token_with_claims(&self, claims: &str) -> Result<Arc<Token>, TokenError> {
        self.cache.token_with_claims(claims, self).await
    }

    /// The token that is kept, usable or not, without asking for one.
    #[must_use]
    pub fn kept_token(&self) -> Option<Arc<Token>> {
        self.cache.current()
    }

    /// Numbers for whoever watches; asking for them asks for no token.
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
