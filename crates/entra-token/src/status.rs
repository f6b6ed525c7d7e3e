//! Request counts and the token expiry of a retriever, for monitoring.

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

impl TokenStatus {
    /// Counts a request that ended with this error, or with none.
    pub(super) fn count(&mut self, error: Option<&TokenError>) {
        *match error {
            None => &mut self.acquired,
            Some(TokenError::Credential(_)) => &mut self.credential,
            Some(TokenError::Configuration(_)) => &mut self.configuration,
            Some(TokenError::Throttled { .. }) => &mut self.throttled,
            Some(TokenError::Unavailable(_) | TokenError::Abandoned) => &mut self.unavailable,
            Some(TokenError::Protocol { .. }) => &mut self.protocol,
        } += 1;
    }
}
