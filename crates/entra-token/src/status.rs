//! Numbers about a retriever, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::TokenError;

/// How many requests for a token ended how, and until when the token at hand lives.
///
/// A request counts once, with its retry and all the credentials that were tried for it. The outcomes are the variants
/// of [`TokenError`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TokenStatus {
    /// There was a token.
    pub acquired: u64,
    /// The credential is unusable, or was refused.
    pub credential: u64,
    /// The request was refused for another reason.
    pub configuration: u64,
    /// The authority was asked too often.
    pub throttled: u64,
    /// The authority did not answer, or only that it cannot.
    pub unavailable: u64,
    /// The answer was none to a token request.
    pub protocol: u64,
    /// When the token at hand expires, or has expired.
    pub expires_at: Option<Timestamp>,
}

/// The counts, as requests end.
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
