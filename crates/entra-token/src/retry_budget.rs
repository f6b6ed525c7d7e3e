//! The time and the retries that a token request may use.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::Attempt;
use super::life::jittered;
use super::{Malformed, Outage, TokenError};

/// The timeout of a token request and its retry together. Callers of a web service typically wait longer.
pub(super) const TOTAL_TIMEOUT: Duration = Duration::from_secs(25);

/// The timeout of one try, which leaves time for a second one.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The timeout of a try that probes whether the authority has recovered.
pub(super) const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest wait before the retry if the authority names none. The shortest is half of it.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(1);

/// The remaining time and retries of a token request.
///
/// Allows one retry, after an outage and only if a caller waits. A renewal in the background needs none, since the
/// next renewal follows.
pub(super) struct RetryBudget<'a> {
    attempt: &'a Attempt,
    until: Instant,
    has_retried: AtomicBool,
}

impl<'a> RetryBudget<'a> {
    pub(super) fn new(attempt: &'a Attempt) -> Self {
        Self { attempt, until: Instant::now() + TOTAL_TIMEOUT, has_retried: AtomicBool::new(false) }
    }

    /// Returns the timeout of the next try.
    pub(super) fn try_timeout(&self) -> Duration {
        self.remaining().min(TRY_TIMEOUT)
    }

    /// Returns the wait before a retry, if the error is worth one and there is time for the wait and the retry.
    pub(super) fn retry_wait(&self, error: &TokenError) -> Option<Duration> {
        let imposed = match error {
            TokenError::Unavailable(Outage { retry_after, .. }) => *retry_after,
            TokenError::Protocol { problem: Malformed::BrokenOff, .. } => None,
            _ => return None,
        };
        let wait = imposed.unwrap_or_else(|| jittered(MAX_RETRY_WAIT));
        let has_time = wait.saturating_add(TRY_TIMEOUT) <= self.remaining();
        let makes_sense = self.attempt.is_worth_a_retry() && has_time;
        (makes_sense && !self.has_retried.swap(true, Ordering::Relaxed)).then_some(wait)
    }

    fn remaining(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::time::advance;
    use uuid::Uuid;

    use super::*;
    use crate::{OutageCause, RequestIds};

    const IDS: RequestIds = RequestIds { correlation_id: Uuid::nil(), trace_id: None };

    fn outage(retry_after: Option<u64>) -> TokenError {
        TokenError::Unavailable(Outage {
            cause: OutageCause::Status(StatusCode::SERVICE_UNAVAILABLE),
            retry_after: retry_after.map(Duration::from_secs),
            ids: IDS,
        })
    }

    fn broken(problem: Malformed) -> TokenError {
        TokenError::Protocol { url: String::new(), status: StatusCode::OK, problem, ids: IDS }
    }

    fn awaited() -> Attempt {
        let attempt = Attempt::default();
        attempt.mark_worth_a_retry();
        attempt
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_takes_ten_seconds_and_all_of_them_25() {
        let attempt = awaited();
        let budget = RetryBudget::new(&attempt);
        for (after, try_timeout) in [(0, 10), (15, 10), (4, 6), (6, 0), (100, 0)] {
            advance(Duration::from_secs(after)).await;
            assert_eq!(budget.try_timeout(), Duration::from_secs(try_timeout));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_retry_comes_within_a_second_or_when_the_authority_says() {
        let attempt = awaited();
        for error in [outage(None), broken(Malformed::BrokenOff)] {
            let budget = RetryBudget::new(&attempt);
            let wait = budget.retry_wait(&error).unwrap();
            assert!((MAX_RETRY_WAIT / 2..=MAX_RETRY_WAIT).contains(&wait), "{wait:?}");
            assert_eq!(budget.retry_wait(&error), None);
        }
        assert_eq!(RetryBudget::new(&attempt).retry_wait(&outage(Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(RetryBudget::new(&attempt).retry_wait(&broken(Malformed::NotJson)), None);
        assert_eq!(RetryBudget::new(&attempt).retry_wait(&TokenError::Abandoned), None);
        let unawaited = Attempt::default();
        assert_eq!(RetryBudget::new(&unawaited).retry_wait(&outage(None)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_retry_is_made_if_its_wait_leaves_no_time_for_it() {
        let attempt = awaited();
        for (spent, wait, makes_sense) in [
            (0, 15, true),
            (0, 16, false),
            (10, 5, true),
            (10, 6, false),
            (16, 0, false),
            (0, u64::MAX, false),
        ] {
            let budget = RetryBudget::new(&attempt);
            advance(Duration::from_secs(spent)).await;
            assert_eq!(
                budget.retry_wait(&outage(Some(wait))).is_some(),
                makes_sense,
                "{wait} s after {spent} s"
            );
        }
    }
}
