//! Whether a call is made again.

use std::time::Duration;

use entra_shared::http_client::{is_other_scheme, is_untrusted};
use http::{HeaderMap, Method, StatusCode};
use reqwest::Request;
use tokio::time::Instant;

use super::challenge::Challenge;
use super::{IDEMPOTENCY_KEY, Refused, ResourceError};
use entra_token::random_fraction;

/// How often a call is made again because the resource asked to wait.
const MOST_WAITS: u32 = 3;

/// The longest pause before a call is made again whose connection was lost.
const AFTER_A_LOSS: Duration = Duration::from_millis(200);

/// What becomes of a call that came to nothing.
pub(super) enum Step {
    /// Drop the token, and send another.
    NewToken,
    /// Send a token with these claims.
    Claims(String),
    /// Send the same again after a time.
    Wait(Duration),
    /// Nothing: the caller learns of it.
    GiveUp,
}

/// What was tried so far.
pub(super) struct Attempts {
    deadline: Instant,
    /// A refused token is replaced once; a second refusal is no matter of the token.
    replaced: bool,
    /// A connection that is lost again is no accident.
    lost: bool,
    waits: u32,
    repeatable: bool,
}

impl Attempts {
    pub(super) fn new(request: &Request, deadline: Instant) -> Self {
        let repeatable = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(request.method())
            || request.headers().contains_key(IDEMPOTENCY_KEY);
        Self { deadline, replaced: false, lost: false, waits: 0, repeatable }
    }

    /// A 401 says that nothing was done, so every request may be sent again after one. A 429 or 503 may come from
    /// anywhere on the way: after it only those are sent again that can be sent twice without harm.
    pub(super) fn after_refusal(&mut self, refused: &Refused, headers: &HeaderMap) -> Step {
        match refused.status {
            StatusCode::UNAUTHORIZED if !self.replaced => match Challenge::of(headers) {
                Some(challenge) => {
                    self.replaced = true;
                    match challenge {
                        Challenge::InvalidToken => Step::NewToken,
                        Challenge::InsufficientClaims(claims) => Step::Claims(claims),
                    }
                }
                None => Step::GiveUp,
            },
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if self.repeatable => {
                self.wait(refused.retry_after)
            }
            _ => Step::GiveUp,
        }
    }

    /// Of a connection that did not come up nothing was sent. One that was lost may have brought the request to the
    /// resource, and then only those are sent again that can be sent twice without harm.
    pub(super) fn after_failure(&mut self, error: &ResourceError) -> Step {
        let ResourceError::Unreachable { source, .. } = error else { return Step::GiveUp };
        let passes_by = !source.is_timeout() && !is_untrusted(source) && !is_other_scheme(source);
        let harmless = source.is_connect() || (source.is_request() && self.repeatable);
        if self.lost || !passes_by || !harmless {
            return Step::GiveUp;
        }
        self.lost = true;
        self.within_time(AFTER_A_LOSS.mul_f64(0.5 + random_fraction() / 2.0))
    }

    /// Without a `Retry-After` nothing is known, and the caller decides.
    fn wait(&mut self, retry_after: Option<Duration>) -> Step {
        self.waits += 1;
        match retry_after {
            Some(wait) if self.waits <= MOST_WAITS => self.within_time(spread(wait, random_fraction())),
            _ => Step::GiveUp,
        }
    }

    fn within_time(&self, wait: Duration) -> Step {
        if Instant::now() + wait < self.deadline { Step::Wait(wait) } else { Step::GiveUp }
    }
}

/// Somewhat longer than was asked for, so that those who were refused together do not come back together.
fn spread(wait: Duration, fraction: f64) -> Duration {
    wait + (wait / 10 + Duration::from_millis(100)).mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_never_shorter_than_asked_for_and_spread_over_a_tenth_of_it() {
        let seconds = Duration::from_secs;
        assert_eq!(spread(seconds(10), 0.0), seconds(10));
        assert_eq!(spread(seconds(10), 1.0), Duration::from_millis(11_100));
        assert_eq!(spread(Duration::ZERO, 0.5), Duration::from_millis(50));
    }
}
