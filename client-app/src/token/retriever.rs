//! The way to a token.

use std::fmt;
use std::sync::Arc;

use reqwest::Client;

use super::cache::Cache;
use super::{Token, TokenError, TokenRequest};

/// Retrieves the token of one client for one resource; clones share what they hold.
///
/// While a usable token is at hand a caller gets it at once, without a lock. Otherwise all callers share one
/// request, and its failure too. The request belongs to none of them: a caller may go away at any time.
#[derive(Clone)]
pub struct TokenRetriever {
    request: Arc<TokenRequest>,
    http: Client,
    cache: Arc<Cache>,
}

impl TokenRetriever {
    /// A retriever that holds no token yet and asks for one when it is needed.
    ///
    /// The client must not follow redirects, and should limit how long a request takes;
    /// [`shared::http_client::http_client`] does both.
    #[must_use]
    pub fn new(request: TokenRequest, http: Client) -> Self {
        Self { request: Arc::new(request), http, cache: Arc::default() }
    }

    /// What is asked for, and of whom.
    #[must_use]
    pub fn request(&self) -> &TokenRequest {
        &self.request
    }

    /// A usable token.
    ///
    /// # Errors
    /// No usable token is at hand, and the authority gave none. The next call asks again.
    pub async fn token(&self) -> Result<Arc<Token>, TokenError> {
        let acquire = || {
            let (request, http) = (Arc::clone(&self.request), self.http.clone());
            async move { request.send(&http).await }
        };
        self.cache.token(acquire).await
    }
}

impl fmt::Debug for TokenRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRetriever").field("request", &self.request).finish_non_exhaustive()
    }
}
