//! Where a cache's tokens come from.

use std::time::Duration;

use super::Ask;
use crate::{Token, TokenError};

/// Whoever can be asked for a token: the source of a retriever, and a test's authority.
pub(crate) trait Origin {
    /// Asks for a token; the request belongs to no caller.
    fn ask(&self, ask: Ask) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static;

    /// A number that changes with what the credentials' files hold.
    fn generation(&self) -> impl Future<Output = u64> + Send + 'static;

    /// How long a request may take, whatever holds it up.
    fn limit(&self) -> Duration;
}
