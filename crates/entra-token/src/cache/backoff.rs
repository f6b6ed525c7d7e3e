//! Decides how long to wait after a failed token request, and when callers get that failure again.

use std::time::Duration;

use tokio::time::Instant;

use crate::TokenError;

/// The wait after a second failure in a row. It puts little load on the authority, and is short enough to notice its
/// recovery.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// The longest wait after failures that last until an operator fixes them. The wait doubles from the second on.
const MAX_REFUSAL_WAIT: Duration = Duration::from_mins(1);

/// The longest wait that an authority can impose.
const MAX_WAIT: Duration = Duration::from_hours(1);

/// How long after its wait a repeated failure is still returned while a probe runs. After that, callers wait for the
/// probe.
const REPEATED_FAILURE_VALIDITY: Duration = Duration::from_mins(1);

/// The last failure and the time before which it prevents another request. A success clears it.
///
/// The first failure in a row prevents nothing unless the authority named a wait, because it may be temporary.
#[derive(Debug, Default)]
pub(super) struct Backoff(Option<Failure>);

#[derive(Debug)]
struct Failure {
    error: TokenError,
    until: Instant,
    /// How many requests in a row have failed.
    in_a_row: u32,
    /// The generation of the credentials' files before the request.
    generation: u64,
}

impl Backoff {
    /// Records a success, which clears the failure.
    ///
    /// A wait that the authority named stays in force, since it was for a request with other claims.
    pub(super) fn record_success(&mut self, now: Instant) {
        self.0.take_if(|failure| now >= failure.until || !failure.has_imposed_wait());
        if let Some(failure) = &mut self.0 {
            failure.in_a_row = 0;
        }
    }

    /// Records a failure and returns the time before which no further request is sent.
    pub(super) fn record_failure(&mut self, error: &TokenError, generation: u64, now: Instant) -> Instant {
        let in_a_row = self.failures() + 1;
        let wait = error.retry_after().unwrap_or_default().max(min_wait(error, in_a_row));
        let until = now.checked_add(wait).unwrap_or_else(|| now + MAX_WAIT);
        match &mut self.0 {
            // An earlier failure with a longer wait stays.
            Some(failure) if failure.until > until => failure.in_a_row = in_a_row,
            failure => *failure = Some(Failure { error: error.clone(), until, in_a_row, generation }),
        }
        self.0.as_ref().map_or(until, |failure| failure.until)
    }

    /// Returns the failure that prevents a request now, with the remaining wait.
    pub(super) fn active_failure(&self, now: Instant) -> Option<TokenError> {
        let failure = self.0.as_ref().filter(|failure| now < failure.until)?;
        Some(failure.error.clone().with_wait(failure.until - now))
    }

    /// Returns the failure that callers get at once while a request probes whether it persists.
    ///
    /// Returns `None` if the authority named the wait, since it answers then and callers can wait for that answer.
    pub(super) fn repeated_failure(&self, now: Instant) -> Option<TokenError> {
        let failure =
            self.0.as_ref().filter(|failure| failure.in_a_row > 1 && !failure.has_imposed_wait())?;
        let left = failure.until.saturating_duration_since(now);
        let error = || failure.error.clone().with_wait(if left.is_zero() { RETRY_WAIT } else { left });
        (now < failure.until + REPEATED_FAILURE_VALIDITY).then(error)
    }

    /// Returns the generation of the credentials' files when a credential was refused.
    pub(super) fn refused_generation(&self) -> Option<u64> {
        let failure = self.0.as_ref().filter(|failure| matches!(failure.error, TokenError::Credential(_)))?;
        Some(failure.generation)
    }

    /// Forgets the failure, since its cause changed.
    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Returns whether the last request failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures() > 0
    }

    fn failures(&self) -> u32 {
        self.0.as_ref().map_or(0, |failure| failure.in_a_row)
    }
}

impl Failure {
    /// Returns whether the authority named the wait.
    fn has_imposed_wait(&self) -> bool {
        self.error.retry_after().is_some()
    }
}

/// Returns the shortest wait after this many failures in a row.
fn min_wait(error: &TokenError, in_a_row: u32) -> Duration {
    match in_a_row.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) if error.needs_operator() => {
            let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
            RETRY_WAIT.saturating_mul(factor).min(MAX_REFUSAL_WAIT)
        }
        Some(_) => RETRY_WAIT,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::credential::{CredentialError, CredentialProblem};
    use crate::{Outage, OutageCause, RequestIds};

    const IDS: RequestIds = RequestIds { correlation_id: Uuid::nil(), trace_id: None };

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn outage() -> TokenError {
        let cause = OutageCause::TimedOut { host: String::new() };
        TokenError::Unavailable(Outage { cause, retry_after: None, ids: IDS })
    }

    fn throttled(retry_after: Duration) -> TokenError {
        TokenError::Throttled { retry_after, ids: IDS }
    }

    fn refused() -> TokenError {
        CredentialError { origin: String::new(), problem: CredentialProblem::Signing }.into()
    }

    #[test]
    fn the_wait_after_failures_is_a_second_and_doubles_to_a_minute_if_an_operator_has_to_act() {
        for (error, waits) in
            [(outage(), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]), (refused(), [0, 1, 2, 4, 8, 16, 32, 60, 60, 60])]
        {
            let (mut backoff, mut now) = (Backoff::default(), Instant::now());
            for wait in waits {
                let until = backoff.record_failure(&error, 0, now);
                assert_eq!(until - now, seconds(wait), "{error}");
                now = until;
            }
            backoff.record_success(now);
            assert_eq!(backoff.record_failure(&error, 0, now), now);
        }
        assert_eq!(min_wait(&refused(), u32::MAX), MAX_REFUSAL_WAIT);
    }

    #[test]
    fn the_longest_wait_that_an_authority_names_stands_until_it_is_over() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.record_failure(&throttled(seconds(60)), 0, now);
        backoff.record_success(now + seconds(1));
        assert!(!backoff.has_failed());
        assert_eq!(backoff.record_failure(&throttled(seconds(7)), 0, now + seconds(2)), now + seconds(60));
        assert_eq!(backoff.record_failure(&outage(), 0, now + seconds(3)), now + seconds(60));
        assert_eq!(backoff.active_failure(now + seconds(4)).unwrap().retry_after(), Some(seconds(56)));
        assert!(backoff.active_failure(now + seconds(60)).is_none());
        backoff.record_success(now + seconds(60));
        assert!(backoff.repeated_failure(now + seconds(60)).is_none());
    }

    #[test]
    fn a_wait_beyond_the_clock_is_shortened_to_an_hour() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        assert_eq!(backoff.record_failure(&throttled(Duration::MAX), 0, now), now + MAX_WAIT);
    }

    #[test]
    fn a_repeated_failure_is_returned_at_once_for_a_minute_and_a_single_one_never() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.record_failure(&outage(), 0, now);
        assert!(backoff.repeated_failure(now).is_none());
        backoff.record_failure(&outage(), 0, now);
        assert_eq!(backoff.repeated_failure(now).unwrap().retry_after(), Some(seconds(1)));
        assert_eq!(backoff.repeated_failure(now + seconds(60)).unwrap().retry_after(), Some(seconds(1)));
        assert!(backoff.repeated_failure(now + seconds(61)).is_none());
        backoff.record_failure(&throttled(seconds(7)), 0, now);
        assert!(backoff.active_failure(now).is_some() && backoff.repeated_failure(now).is_none());
    }
}
