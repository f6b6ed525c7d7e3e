//! Request counts and the token expiry of a retriever, for monitoring.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::TokenError;

/// Token requests by outcome, and when the cached token expires.
///
/// A request counts once, including its retry and all credentials tried. The outcomes are the variants of
/// [`TokenError`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenStatus {
    /// Acquired a token.
    pub acquired: u64,
    /// The credential is unusable, or was refused.
    pub credential: u64,
    /// The request was refused for another reason.
    pub configuration: u64,
    /// The authority throttled this client.
    pub throttled: u64,
    /// The authority was unreachable or failed.
    pub unavailable: u64,
    /// The response was malformed.
    pub protocol: u64,
    /// When the cached token expires or expired.
    pub expires_at: Option<Timestamp>,
}

/// Counters of completed requests.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<TokenStatus>);

impl Counts {
    /// Counts a request that ended with this error, or with none.
    pub(super) fn count(&self, error: Option<&TokenError>) {
        let mut status = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *match error {
            None => &mut status.acquired,
            Some(TokenError::Credential(_)) => &mut status.credential,
            Some(TokenError::Configuration(_)) => &mut status.configuration,
            Some(TokenError::Throttled { .. }) => &mut status.throttled,
            Some(TokenError::Unavailable(_) | TokenError::Abandoned) => &mut status.unavailable,
            Some(TokenError::Protocol { .. }) => &mut status.protocol,
        } += 1;
    }

    pub(super) fn status(&self, expires_at: Option<Timestamp>) -> TokenStatus {
        TokenStatus { expires_at, ..*self.0.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}
