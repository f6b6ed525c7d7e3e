//! How long the authority is left alone after a failure.

use std::time::Duration;

use tokio::time::Instant;

use crate::TokenError;

/// The wait after a second failure in a row. One request a second bothers no authority, and whoever waits for it to
/// come back waits no longer than that.
const AFTER_REPEATED_FAILURE: Duration = Duration::from_secs(1);

/// The longest wait after failures that last until somebody mends something, which doubles from the second on.
const MOST_AFTER_REFUSALS: Duration = Duration::from_mins(1);

/// The longest wait that an authority can ask for.
const LONGEST: Duration = Duration::from_hours(1);

/// How long after its end a repeated failure still is the answer for those who come: long enough for whoever asks now
/// and then, and so short that nobody is told what was the matter yesterday.
const TOLD_FOR: Duration = Duration::from_mins(1);

/// The last failure, until a request succeeds, and until when it stands for further ones.
///
/// Not from the first one on, unless the authority says so: it may have been an accident.
#[derive(Debug, Default)]
pub(super) struct Pause(Option<Failure>);

#[derive(Debug)]
struct Failure {
    error: TokenError,
    until: Instant,
    /// How many requests in a row have failed.
    in_a_row: u32,
    /// What the credentials' files held before the request.
    generation: Option<u64>,
}

impl Pause {
    /// What the authority asked for stands in spite of a success: the request with other claims that it throttled was
    /// not this one.
    pub(super) fn succeeded(&mut self, now: Instant) {
        self.0.take_if(|failure| now >= failure.until || !failure.is_asked_for());
        if let Some(failure) = &mut self.0 {
            failure.in_a_row = 0;
        }
    }

    /// Takes a failure in, and tells until when the authority is left alone.
    pub(super) fn failed(&mut self, error: &TokenError, generation: Option<u64>, now: Instant) -> Instant {
        let in_a_row = self.failures() + 1;
        let wait = error.retry_after().unwrap_or_default().max(least(error, in_a_row));
        let until = now.checked_add(wait).unwrap_or_else(|| now + LONGEST);
        match &mut self.0 {
            // What was asked for before, and for longer, stands.
            Some(failure) if failure.until > until => failure.in_a_row = in_a_row,
            failure => *failure = Some(Failure { error: error.clone(), until, in_a_row, generation }),
        }
        self.0.as_ref().map_or(until, |failure| failure.until)
    }

    /// The failure that stands for a request now, with the time that is left to wait.
    pub(super) fn standing(&self, now: Instant) -> Option<TokenError> {
        let failure = self.0.as_ref().filter(|failure| now < failure.until)?;
        Some(failure.error.clone().with_wait(failure.until - now))
    }

    /// The failure that is the answer at once while a request finds out whether it still holds.
    ///
    /// Not where the authority said when to come back: it answers, and whoever waited until then may wait for that.
    pub(super) fn told(&self, now: Instant) -> Option<TokenError> {
        let failure = self.0.as_ref().filter(|failure| failure.in_a_row > 1 && !failure.is_asked_for())?;
        let left = failure.until.saturating_duration_since(now);
        let error =
            || failure.error.clone().with_wait(if left.is_zero() { AFTER_REPEATED_FAILURE } else { left });
        (now < failure.until + TOLD_FOR).then(error)
    }

    /// What the credentials' files held when one of them was refused, again and again.
    pub(super) fn refused_generation(&self) -> Option<u64> {
        let failure = self.0.as_ref().filter(|failure| matches!(failure.error, TokenError::Credential(_)))?;
        failure.generation
    }

    /// What the failure was about has changed.
    pub(super) fn lift(&mut self) {
        self.0 = None;
    }

    /// Whether the last request failed.
    pub(super) fn has_failed(&self) -> bool {
        self.failures() > 0
    }

    fn failures(&self) -> u32 {
        self.0.as_ref().map_or(0, |failure| failure.in_a_row)
    }
}

impl Failure {
    /// Whether the authority itself said how long to wait.
    fn is_asked_for(&self) -> bool {
        self.error.retry_after().is_some()
    }
}

/// The least wait after so many failures in a row.
fn least(error: &TokenError, in_a_row: u32) -> Duration {
    match in_a_row.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) if error.waits_for_people() => {
            let factor = 2_u32.checked_pow(doublings).unwrap_or(u32::MAX);
            AFTER_REPEATED_FAILURE.saturating_mul(factor).min(MOST_AFTER_REFUSALS)
        }
        Some(_) => AFTER_REPEATED_FAILURE,
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
    fn the_wait_after_failures_is_a_second_and_doubles_to_a_minute_where_somebody_has_to_act() {
        for (error, waits) in
            [(outage(), [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]), (refused(), [0, 1, 2, 4, 8, 16, 32, 60, 60, 60])]
        {
            let (mut pause, mut now) = (Pause::default(), Instant::now());
            for wait in waits {
                let until = pause.failed(&error, None, now);
                assert_eq!(until - now, seconds(wait), "{error}");
                now = until;
            }
            pause.succeeded(now);
            assert_eq!(pause.failed(&error, None, now), now);
        }
        assert_eq!(least(&refused(), u32::MAX), MOST_AFTER_REFUSALS);
    }

    #[test]
    fn the_longest_wait_that_an_authority_names_stands_until_it_is_over() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.failed(&throttled(seconds(60)), None, now);
        pause.succeeded(now + seconds(1));
        assert!(!pause.has_failed());
        assert_eq!(pause.failed(&throttled(seconds(7)), None, now + seconds(2)), now + seconds(60));
        assert_eq!(pause.failed(&outage(), None, now + seconds(3)), now + seconds(60));
        assert_eq!(pause.standing(now + seconds(4)).unwrap().retry_after(), Some(seconds(56)));
        assert!(pause.standing(now + seconds(60)).is_none());
        pause.succeeded(now + seconds(60));
        assert!(pause.told(now + seconds(60)).is_none());
    }

    #[test]
    fn no_wait_is_too_long_to_be_counted() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        assert_eq!(pause.failed(&throttled(Duration::MAX), None, now), now + LONGEST);
    }

    #[test]
    fn a_repeated_failure_is_told_at_once_for_a_minute_and_a_single_one_never() {
        let (mut pause, now) = (Pause::default(), Instant::now());
        pause.failed(&outage(), None, now);
        assert!(pause.told(now).is_none());
        pause.failed(&outage(), None, now);
        assert_eq!(pause.told(now).unwrap().retry_after(), Some(seconds(1)));
        assert_eq!(pause.told(now + seconds(60)).unwrap().retry_after(), Some(seconds(1)));
        assert!(pause.told(now + seconds(61)).is_none());
        pause.failed(&throttled(seconds(7)), None, now);
        assert!(pause.standing(now).is_some() && pause.told(now).is_none());
    }
}
