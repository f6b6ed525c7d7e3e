//! Request counts and the token expiry of a retriever, for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

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
pub(super) struct Counts {
    acquired: AtomicU64,
    credential: AtomicU64,
    configuration: AtomicU64,
    throttled: AtomicU64,
    unavailable: AtomicU64,
    protocol: AtomicU64,
}

impl Counts {
    /// Counts a request that ended with this error, or with none.
    pub(super) fn count(&self, error: Option<&TokenError>) {
        let counter = match error {
            None => &self.acquired,
            Some(TokenError::Credential(_)) => &self.credential,
            Some(TokenError::Configuration(_)) => &self.configuration,
            Some(TokenError::Throttled { .. }) => &self.throttled,
            Some(TokenError::Unavailable(_) | TokenError::Abandoned) => &self.unavailable,
            Some(TokenError::Protocol { .. }) => &self.protocol,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn status(&self, expires_at: Option<Timestamp>) -> TokenStatus {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TokenStatus {
            acquired: count(&self.acquired),
            credential: count(&self.credential),
            configuration: count(&self.configuration),
            throttled: count(&self.throttled),
            unavailable: count(&self.unavailable),
            protocol: count(&self.protocol),
            expires_at,
        }
    }
}
