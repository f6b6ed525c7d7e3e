//! The background task that keeps the keys current.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::one_line;
use tokio::task::{JoinError, JoinSet};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::KeySet;
use super::sleep_aware::SleepAwareInstant;
use super::source::FetchError;
use super::state::{Progress, Shared};

/// The longest backoff while there are no usable keys and every request is answered with 503.
const MAX_RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// The longest backoff while the last good key set is in use.
const MAX_RETRY_WITH_KEYS: Duration = Duration::from_mins(5);

/// The first backoff after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// The timeout of one fetch, whatever the HTTP client's own limits are. Requests may be waiting for the fetch to end.
const MAX_FETCH: Duration = Duration::from_secs(30);

/// The time after which a second fetch is started alongside the first, if there are no usable keys.
///
/// Together with the longest backoff it determines how soon there are keys after an outage of Entra.
const HEDGE_AFTER: Duration = Duration::from_millis(2500);

/// How often a wait checks the wall clock, in case the machine slept past its end.
const SLEEP_CHECK_INTERVAL: Duration = Duration::from_secs(2);

/// Jitter of a refresh, as a share of the interval, so that instances do not fetch all at once.
///
/// A refresh comes early but never late: the interval limits how long a removed key goes unnoticed.
const REFRESH_JITTER: f64 = 0.1;

/// The jitter of a retry, as a share of the backoff. Without it, all instances would retry at the same time after an
/// outage.
const RETRY_JITTER: f64 = 0.5;

/// The result of a fetch.
pub(super) type Outcome = Result<KeySet, FetchError>;

/// Fetches keys at the start, every `interval`, after failures, and on request, until the task is aborted.
pub(super) async fn run<F, O>(shared: Arc<Shared>, mut fetch: F, interval: Duration)
where
    F: FnMut() -> O + Send,
    O: Future<Output = Outcome> + Send + 'static,
{
    let mut failures = 0;
    loop {
        shared.refetch().progress = Progress::UnderWay;
        let can_wait = shared.time_left().is_some_and(|left| left > MAX_FETCH);
        // A fetch that can wait has ended before it would be hedged.
        let hedge_after = if can_wait { 2 * MAX_FETCH } else { HEDGE_AFTER };
        let outcome = run_hedged(&shared, &mut fetch, hedge_after).await;
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        record(&shared, outcome);
        let pause = match failures {
            0 => jittered(interval, REFRESH_JITTER),
            _ => jittered(backoff(failures, shared.time_left()).min(interval), RETRY_JITTER),
        };
        wait(&shared, SleepAwareInstant::now(), pause).await;
    }
}

/// Runs a fetch, and starts another whenever the last has taken `hedge_after`; the first success wins.
///
/// Without usable keys, a hanging fetch then delays nothing, and a slow one may still succeed. Each runs in its own task,
/// so that a panic fails that fetch and not the refresh task.
async fn run_hedged<F, O>(shared: &Shared, fetch: &mut F, hedge_after: Duration) -> Outcome
where
    F: FnMut() -> O + Send,
    O: Future<Output = Outcome> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    loop {
        under_way.spawn(timeout(MAX_FETCH, fetch()));
        let next_hedge = Instant::now() + hedge_after;
        while let Ok(Some(ended)) = timeout_at(next_hedge, under_way.join_next()).await {
            match outcome(ended) {
                Err(error) if !under_way.is_empty() => {
                    warn(&error);
                    count(shared, true);
                }
                outcome => return outcome,
            }
        }
    }
}

fn outcome(ended: Result<Result<Outcome, Elapsed>, JoinError>) -> Outcome {
    match ended {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(FetchError::TooSlow),
        Err(_) => Err(FetchError::Panicked),
    }
}

/// Publishes a new key set. After a failed fetch, the last good key set stays in use.
pub(super) fn record(shared: &Shared, outcome: Outcome) {
    let is_failure = outcome.is_err();
    match outcome {
        Ok(keys) => {
            tracing::info!(keys = keys.len(), "fetched the signing keys");
            shared.publish(keys);
        }
        Err(error) => warn(&error),
    }
    // Both under the lock, so that a request from now on asks for another fetch.
    let mut refetch = shared.refetch();
    refetch.progress = Progress::Idle;
    count(shared, is_failure);
}

fn warn(error: &FetchError) {
    tracing::warn!(error = one_line(error), "could not fetch the signing keys");
}

fn count(shared: &Shared, is_failure: bool) {
    shared.fetches.send_modify(|fetches| {
        let count = if is_failure { &mut fetches.failed } else { &mut fetches.fetched };
        *count += 1;
        fetches.failing = is_failure;
    });
}

/// Waits until `pause` has passed since `start`, or until a request asks for a fetch.
///
/// Timers stop while the machine sleeps, so the wall clock is checked as well.
async fn wait(shared: &Shared, start: SleepAwareInstant, pause: Duration) {
    loop {
        let Some(left) = pause.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else { return };
        tokio::select! {
            () = sleep(left.min(SLEEP_CHECK_INTERVAL)) => {}
            () = shared.wanted.notified() => {
                // The request may be older than the fetch that has just ended.
                if shared.refetch().progress == Progress::Wanted {
                    return;
                }
            }
        }
    }
}

/// Returns the backoff after this many failures in a row, if the current keys can be used for `time_left`.
fn backoff(failures: u32, time_left: Option<Duration>) -> Duration {
    // Not past the expiry of the keys: from then on, requests are refused until a fetch succeeds.
    let longest = time_left
        .map_or(MAX_RETRY_WITHOUT_KEYS, |left| left.clamp(MAX_RETRY_WITHOUT_KEYS, MAX_RETRY_WITH_KEYS));
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(longest)
}

/// Shortens a pause by a random part of up to `share`.
fn jittered(pause: Duration, share: f64) -> Duration {
    pause.mul_f64(1.0 - share * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::keys::KeySettings;

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_past_a_refresh_fetches_at_once() {
        let shared = Shared::new(&KeySettings::default());
        shared.refetch().progress = Progress::Idle;
        let (hour, begun) = (Duration::from_hours(1), Instant::now());
        wait(&shared, SleepAwareInstant::before_a_sleep_of(2 * hour), hour).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        wait(&shared, SleepAwareInstant::now(), hour).await;
        assert_eq!(begun.elapsed(), hour);
        // At the next check, if the machine falls asleep while waiting.
        wait(&shared, SleepAwareInstant::before_a_sleep_of(Duration::from_millis(3_599_999)), hour).await;
        assert!(begun.elapsed() <= hour + SLEEP_CHECK_INTERVAL);
    }

    #[test]
    fn a_refresh_is_never_late_and_never_twice_the_same() {
        let hour = Duration::from_hours(1);
        let pauses: Vec<_> = (0..1000).map(|_| jittered(hour, REFRESH_JITTER)).collect();
        assert!(pauses.iter().all(|pause| (Duration::from_mins(54)..=hour).contains(pause)));
        assert!(pauses.iter().any(|pause| *pause < Duration::from_mins(55)));
        assert!(pauses.iter().any(|pause| *pause > Duration::from_mins(59)));
    }

    #[test]
    fn backoff_doubles_up_to_a_limit_that_depends_on_the_keys() {
        let pauses = |left| [1, 2, 3, 4, 5, 100].map(|failures| backoff(failures, left).as_millis());
        assert_eq!(pauses(None), [250, 500, 1000, 2000, 2000, 2000]);
        assert_eq!(pauses(Some(Duration::from_hours(1))), [250, 500, 1000, 2000, 4000, 300_000]);
        assert_eq!(pauses(Some(Duration::from_secs(3))), [250, 500, 1000, 2000, 3000, 3000]);
        assert_eq!(pauses(Some(Duration::ZERO)), [250, 500, 1000, 2000, 2000, 2000]);
    }
}
