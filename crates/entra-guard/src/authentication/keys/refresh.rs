//! The task that keeps the keys current.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::one_line;
use tokio::task::{JoinError, JoinSet};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::KeySet;
use super::demand::Progress;
use super::moment::Moment;
use super::source::FetchError;
use super::state::Shared;

/// The longest pause between two tries while there is no usable key set: the app answers 503 as long.
const MAX_RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// The longest pause between two tries while the last good key set is in use.
const MAX_RETRY_WITH_KEYS: Duration = Duration::from_mins(5);

/// The first pause after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// The longest time for one fetch, whatever the HTTP client's own limits are: requests may be waiting for its end.
const MAX_FETCH: Duration = Duration::from_secs(30);

/// How long a fetch is waited for without another beside it while there is no usable key set: with the longest pause, it
/// decides how soon after the authority's return there are keys.
const PATIENCE_WITHOUT_KEYS: Duration = Duration::from_millis(2500);

/// How often it is looked whether the machine has slept beyond the next turn.
const LOOK_AT_THE_WALL: Duration = Duration::from_secs(2);

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
        let can_wait = shared.time_left().is_some_and(|left| left > MAX_FETCH);
        let outcome = if can_wait { end_of(fetch()).await } else { first_of_many(&shared, &mut fetch).await };
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        take_in(&shared, outcome);
        let pause = match failures {
            0 => early(interval, REFRESH_JITTER),
            _ => early(retry_pause(failures, shared.time_left()).min(interval), RETRY_JITTER),
        };
        wait(&shared, &Moment::now(), pause).await;
    }
}

/// Waits for a fetch in a task of its own, so that a panic in it is one failed fetch and not the end of all.
async fn end_of(fetch: impl Future<Output = Outcome> + Send + 'static) -> Outcome {
    outcome(AbortOnDropHandle::new(tokio::spawn(timeout(MAX_FETCH, fetch))).await)
}

/// The same while no key is usable: beside a fetch that takes long, another begins, and the first to succeed counts.
///
/// One that hangs is not waited for, and one that is only slow is not given up.
async fn first_of_many<F, O>(shared: &Shared, fetch: &mut F) -> Outcome
where
    F: FnMut() -> O + Send,
    O: Future<Output = Outcome> + Send + 'static,
{
    let mut under_way = JoinSet::new();
    loop {
        under_way.spawn(timeout(MAX_FETCH, fetch()));
        let patience_ends = Instant::now() + PATIENCE_WITHOUT_KEYS;
        while let Ok(Some(ended)) = timeout_at(patience_ends, under_way.join_next()).await {
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

/// Publishes a new key set; a failure leaves the last good one in place.
pub(super) fn take_in(shared: &Shared, outcome: Outcome) {
    let is_failure = outcome.is_err();
    match outcome {
        Ok(keys) => {
            tracing::info!(keys = keys.len(), "fetched the signing keys");
            shared.publish(keys);
        }
        Err(error) => warn(&error),
    }
    // In this order under the lock: whoever asks from now on asks for another fetch.
    let mut demand = shared.demand();
    demand.fetch_ended();
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

/// Waits until the pause since `start` is over, or for somebody who has been allowed a fetch out of turn.
///
/// A machine that slept wakes with timers that do not know; the keys may be too old by then.
async fn wait(shared: &Shared, start: &Moment, pause: Duration) {
    loop {
        let Some(left) = pause.checked_sub(start.elapsed()).filter(|left| !left.is_zero()) else { return };
        tokio::select! {
            () = sleep(left.min(LOOK_AT_THE_WALL)) => {}
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
    use crate::authentication::keys::KeySettings;

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_slept_beyond_a_turn_wakes_for_it() {
        let shared = Shared::new(&KeySettings::of_tests());
        shared.demand().fetch_ended();
        let (hour, begun) = (Duration::from_hours(1), Instant::now());
        wait(&shared, &Moment::before_a_sleep_of(2 * hour), hour).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        wait(&shared, &Moment::now(), hour).await;
        assert_eq!(begun.elapsed(), hour);
        // As soon as the clock shows it, for whoever falls asleep while waiting.
        wait(&shared, &Moment::before_a_sleep_of(Duration::from_millis(3_599_999)), hour).await;
        assert!(begun.elapsed() <= hour + LOOK_AT_THE_WALL);
    }

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
