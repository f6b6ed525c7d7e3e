//! Limits the token requests that follow a denial. Such a request is useful because a role may have been granted since
//! the token was issued.

use std::time::Duration;

use tokio::time::Instant;

use crate::{DeniedToken, Token};

/// The age below which a token is not replaced after a denial. A token younger than this has the current roles.
pub(super) const MIN_AGE: Duration = Duration::from_mins(1);

/// The first interval between two requests that follow a denial. Each further interval is twice as long.
const FIRST_INTERVAL: Duration = Duration::from_mins(5);

/// The longest interval.
const LONGEST_INTERVAL: Duration = Duration::from_hours(1);

/// The state of the limit. If denials persist, the limit ends at one token request an hour.
#[derive(Debug)]
pub(super) struct Denials {
    next: Option<Instant>,
    interval: Duration,
    /// Whether the last request returned the same token again.
    pub(super) is_unchanged: bool,
}

impl Default for Denials {
    fn default() -> Self {
        Self { next: None, interval: FIRST_INTERVAL, is_unchanged: false }
    }
}

impl Denials {
    /// Returns whether a request may be sent now. If so, the next one must wait for the interval.
    pub(super) fn try_acquire(&mut self, now: Instant) -> bool {
        if !self.wait(now).is_zero() {
            return false;
        }
        self.next = Some(now + self.interval);
        self.interval = (2 * self.interval).min(LONGEST_INTERVAL);
        true
    }

    /// Resets the interval to the shortest one, since a new token was not denied.
    pub(super) fn reset(&mut self) {
        self.interval = FIRST_INTERVAL;
    }

    /// Describes a token with which a call was denied, for the caller.
    pub(super) fn about(&self, token: &Token) -> DeniedToken {
        let now = Instant::now();
        let age = token.age(now);
        let next_request_in = self.wait(now).min(token.until_renewal(now)).max(MIN_AGE.saturating_sub(age));
        let unchanged_until = self.is_unchanged.then(|| token.expires_at());
        DeniedToken { age, next_request_in, unchanged_until }
    }

    /// Returns the time until the next request may be sent.
    fn wait(&self, now: Instant) -> Duration {
        self.next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }
}
