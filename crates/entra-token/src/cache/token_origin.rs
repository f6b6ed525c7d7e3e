//! The interface through which the cache acquires tokens.

use std::time::Duration;

use super::Attempt;
use crate::{Token, TokenError};

/// Acquires tokens for a cache: the retriever's source, or an authority in tests.
pub(crate) trait TokenOrigin {
    /// Requests a token. The future borrows nothing, since it outlives the caller that started it.
    fn request(&self, attempt: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static;

    /// A number that changes whenever the contents of a credential's file change.
    fn generation(&self) -> impl Future<Output = u64> + Send + 'static;

    /// How long a request may take, retries included.
    fn timeout(&self) -> Duration;
}
