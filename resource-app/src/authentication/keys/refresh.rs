//! The task that keeps the keys current.

use std::sync::Arc;
use std::time::Duration;

use shared::process::one_line;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::KeySet;
use super::source::FetchError;
use super::state::{Progress, Shared};

/// The longest pause between two tries while there is no usable key set: the app answers 503 as long.
const MAX_RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// The longest pause between two tries while the last good key set is in use.
const MAX_RETRY_WITH_KEYS: Duration = Duration::from_mins(5);

/// The first pause after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// The longest time for one fetch, whatever the HTTP client's own limits are: requests may be waiting for its end.
const MAX_FETCH: Duration = Duration::from_secs(30);

/// The share of the interval by which a refresh may come early, so that instances do not ask all at once.
///
/// Never late: the interval is a promise about how soon a removed key is noticed.
const REFRESH_JITTER: f64 = 0.1;

/// The share of a pause by which a retry may come early: after an outage all instances are at the same step.
const RETRY_JITTER: f64 = 0.5;

/// What a fetch ends with.
pub(super) type Outcome = Result<KeySet, FetchError>;

/// Fetches keys at once, every `interval`, after failures, and on demand, until the task is aborted.
pub(super) async fn run<F, O>(shared: Arc<Shared>, mut fetch: F, interval: Duration)
where
    F: FnMut() -> O + Send,
    O: Future<Output = Outcome> + Send + 'static,
{
    let mut failures = 0;
    loop {
        shared.demand().fetch = Progress::UnderWay;
        let outcome = end_of(fetch()).await;
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        take_in(&shared, outcome);
        let pause = match failures {
            0 => early(interval, REFRESH_JITTER),
            _ => early(retry_pause(failures, shared.time_left()).min(interval), RETRY_JITTER),
        };
        wait(&shared, Instant::now() + pause).await;
    }
}

/// Waits for a fetch in a task of its own, so that a panic in it is one failed fetch and not the end of all.
async fn end_of(fetch: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    let task = AbortOnDropHandle::new(tokio::spawn(fetch));
    match timeout(MAX_FETCH, task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(FetchError::Panicked),
        Err(_) => Err(FetchError::TooSlow),
    }
}

/// Publishes a new key set; a failure leaves the last good one in place.
pub(super) fn take_in(shared: &Shared, outcome: Outcome) {
    let failing = outcome.is_err();
    match outcome {
        Ok(keys) => {
            tracing::info!(keys = keys.len(), "fetched the signing keys");
            shared.publish(keys);
        }
        Err(error) => {
            tracing::warn!(error = one_line(&error), "could not fetch the signing keys");
        }
    }
    // In this order under the lock: whoever asks from now on asks for another fetch.
    let mut demand = shared.demand();
    demand.fetch = Progress::Idle;
    shared.fetches.send_modify(|fetches| {
        let count = if failing { &mut fetches.failed } else { &mut fetches.fetched };
        *count += 1;
        fetches.failing = failing;
    });
}

/// Waits for the next turn, or for somebody who has been allowed a fetch out of turn.
async fn wait(shared: &Shared, turn: Instant) {
    loop {
        tokio::select! {
            () = sleep_until(turn) => return,
            () = shared.wanted.notified() => {
                // The wish may be older than the fetch that has just ended.
                if shared.demand().fetch == Progress::Wanted {
                    return;
                }
            }
        }
    }
}

/// The pause after so many failures in a row, where the keys at hand can be used for `time_left`.
fn retry_pause(failures: u32, time_left: Option<Duration>) -> Duration {
    // Not beyond the end of the keys: from then on, requests are refused until a fetch succeeds.
    let longest = time_left
        .map_or(MAX_RETRY_WITHOUT_KEYS, |left| left.clamp(MAX_RETRY_WITHOUT_KEYS, MAX_RETRY_WITH_KEYS));
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(longest)
}

/// A pause that is shorter by up to `share` of it, by another part each time.
fn early(pause: Duration, share: f64) -> Duration {
    pause.mul_f64(1.0 - share * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_never_late_and_never_twice_the_same() {
        let hour = Duration::from_hours(1);
        let pauses: Vec<_> = (0..1000).map(|_| early(hour, REFRESH_JITTER)).collect();
        assert!(pauses.iter().all(|pause| (Duration::from_mins(54)..=hour).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause < Duration::from_mins(55)));
        assert!(pauses.iter().any(|pause| *pause > Duration::from_mins(59)));
    }

    #[test]
    fn pauses_double_up_to_a_limit_that_depends_on_what_is_at_hand() {
        let pauses = |left| [1, 2, 3, 4, 5, 100].map(|failures| retry_pause(failures, left).as_millis());
        assert_eq!(pauses(None), [250, 500, 1000, 2000, 2000, 2000]);
        assert_eq!(pauses(Some(Duration::from_hours(1))), [250, 500, 1000, 2000, 4000, 300_000]);
        assert_eq!(pauses(Some(Duration::from_secs(3))), [250, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(pauses(Some(Duration::ZERO)), [250, 500, 1000, 2000, 2000, 2000]);
    }
}
