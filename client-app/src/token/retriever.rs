//! The way to a token.

use std::fmt;
use std::sync::Arc;

use reqwest::Client;

use super::cache::Cache;
use super::{Token, TokenError, TokenSource};

/// Retrieves the token of one client for one resource; clones share what they hold.
///
/// While a usable token is at hand a caller gets it at once, without a lock. Otherwise all callers share one
/// request, and its failure too. The request belongs to none of them: a caller may go away at any time.
#[derive(Clone)]
pub struct TokenRetriever {
    source: Arc<TokenSource>,
    http: Client,
    cache: Arc<Cache>,
}

impl TokenRetriever {
    /// A retriever that holds no token yet and asks for one when it is needed.
    ///
    /// The client must not follow redirects, and should limit how long a request takes;
    /// [`shared::http_client::http_client`] does both.
    #[must_use]
    pub fn new(source: impl Into<TokenSource>, http: Client) -> Self {
        Self { source: Arc::new(source.into()), http, cache: Arc::default() }
    }

    /// What is asked for, and of whom.
    #[must_use]
    pub fn source(&self) -> &TokenSource {
        &self.source
    }

    /// A usable token.
    ///
    /// # Errors
    /// No usable token is at hand, and the authority gave none. The next call asks again.
    pub async fn token(&self) -> Result<Arc<Token>, TokenError> {
        let acquire = || {
            let (source, http) = (Arc::clone(&self.source), self.http.clone());
            async move { source.token(&http).await }
        };
        self.cache.token(acquire).await
    }
}

impl fmt::Debug for TokenRetriever {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRetriever").field("source", &self.source).finish_non_exhaustive()
    }
}
