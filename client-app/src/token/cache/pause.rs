//! How long the authority is left alone after a failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::token::TokenError;

/// The wait after a second failure in a row. One request a second bothers no authority, and whoever waits for it to
/// come back waits no longer than that.
const AFTER_REPEATED_FAILURE: Duration = Duration::from_secs(1);

/// The last failure, until a request succeeds, and until when it stands for further ones.
///
/// Not from the first one on, unless the authority says so: it may have been an accident.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Failure>);

#[derive(Debug)]
struct Failure {
    error: TokenError,
    until: Instant,
}

impl Pause {
    pub(super) fn succeeded(&mut self) {
        self.0 = None;
    }

    /// Takes a failure in, and tells until when the authority is left alone.
    pub(super) fn failed(&mut self, error: &TokenError, now: Instant) -> Instant {
        let least = if self.0.is_some() { AFTER_REPEATED_FAILURE } else { Duration::ZERO };
        let until = now + error.retry_after().unwrap_or_default().max(least);
        self.0 = Some(Failure { error: error.clone(), until });
        until
    }

    /// The failure that stands for a request now, with the time that is left to wait.
    pub(super) fn standing(&self, now: Instant) -> Option<TokenError> {
        let failure = self.0.as_ref().filter(|failure| now < failure.until)?;
        Some(failure.error.clone().with_wait(failure.until - now))
    }

    /// Whether the last request failed.
    pub(super) fn has_failed(&self) -> bool {
        self.0.is_some()
    }
}
