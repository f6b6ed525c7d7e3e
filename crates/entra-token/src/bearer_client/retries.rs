//! Whether a call is repeated.

use std::time::Duration;

use entra_shared::http_client::{is_other_scheme, is_untrusted, proxy_refusal, retry_after};
use http::{Method, StatusCode};
use reqwest::{Request, Response};
use tokio::time::Instant;

use super::CallError;
use super::challenge::Challenge;
use crate::life::{jittered, random_fraction};

/// How often a call is repeated because the API asked to wait.
const MAX_WAITS: u32 = 3;

/// The longest pause before a call whose connection was lost is repeated.
const PAUSE_AFTER_LOSS: Duration = Duration::from_millis(200);

/// How to try again after an attempt that failed.
pub(super) enum Step {
    /// Send another token, as the API demands.
    NewToken(Challenge),
    /// Send the same request again after a pause.
    Wait(Duration),
}

/// The retries that a call has already used.
pub(super) struct Retries {
    deadline: Instant,
    /// Whether a refused token was replaced. It is replaced once, since a second refusal has another cause.
    replaced_token: bool,
    /// Whether a lost connection was retried. It is retried once.
    lost_connection: bool,
    waits: u32,
    is_idempotent: bool,
}

impl Retries {
    pub(super) fn new(request: &Request, deadline: Instant) -> Self {
        let is_idempotent = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE]
            .contains(request.method())
            || request.headers().contains_key("idempotency-key");
        Self { deadline, replaced_token: false, lost_connection: false, waits: 0, is_idempotent }
    }

    /// Decides after a response that is not a success. `None` returns it to the caller.
    ///
    /// A 401 means that nothing was done, so every request may be repeated after one. A 429 or 503 may come from a proxy
    /// behind which the request was handled, so only idempotent requests are repeated.
    pub(super) fn after_refusal(&mut self, response: &Response) -> Option<Step> {
        match response.status() {
            StatusCode::UNAUTHORIZED if !self.replaced_token => {
                let challenge = Challenge::from_headers(response.headers())?;
                self.replaced_token = true;
                Some(Step::NewToken(challenge))
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
                if self.is_idempotent && self.waits < MAX_WAITS =>
            {
                // Without a `Retry-After`, the caller decides whether to try again.
                let wait = retry_after(response.headers())?;
                self.waits += 1;
                self.pause(with_jitter(wait, random_fraction()))
            }
            _ => None,
        }
    }

    /// Decides after a failure to get a response. `None` returns it to the caller.
    ///
    /// If no connection was made, nothing was sent. If one was lost, the API may have received the request, so only
    /// idempotent requests are repeated.
    pub(super) fn after_failure(&mut self, error: &CallError) -> Option<Step> {
        let CallError::Request(source) = error else { return None };
        let is_transient = !source.is_timeout()
            && !is_untrusted(source)
            && !is_other_scheme(source)
            && proxy_refusal(source).is_none();
        let is_safe = source.is_connect() || (source.is_request() && self.is_idempotent);
        if self.lost_connection || !is_transient || !is_safe {
            return None;
        }
        self.lost_connection = true;
        self.pause(jittered(PAUSE_AFTER_LOSS))
    }

    fn pause(&self, pause: Duration) -> Option<Step> {
        (Instant::now() + pause < self.deadline).then_some(Step::Wait(pause))
    }
}

/// Adds up to a tenth to a wait, so that clients that were refused together do not retry together.
fn with_jitter(wait: Duration, fraction: f64) -> Duration {
    wait + (wait / 10 + Duration::from_millis(100)).mul_f64(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_at_least_what_was_asked_for_and_at_most_a_tenth_longer() {
        let seconds = Duration::from_secs;
        assert_eq!(with_jitter(seconds(10), 0.0), seconds(10));
        assert_eq!(with_jitter(seconds(10), 1.0), Duration::from_millis(11_100));
        assert_eq!(with_jitter(Duration::ZERO, 0.5), Duration::from_millis(50));
    }
}
