//! The task that keeps the keys current.

use std::sync::Arc;
use std::time::Duration;

use shared::process::one_line;
use tokio::time::{Instant, sleep_until};

use super::source::{FetchError, KeySource};
use super::{KeySet, Shared};

/// The longest pause between two tries while there is no usable key set: the app answers 503 as long.
const MAX_RETRY_WITHOUT_KEYS: Duration = Duration::from_secs(2);

/// The longest pause between two tries while the last good key set is in use.
const MAX_RETRY_WITH_KEYS: Duration = Duration::from_mins(5);

/// The first pause after a failure; each further one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// Fetches keys at once, every `interval`, after failures, and on demand, until the task is aborted.
pub(super) async fn run(shared: Arc<Shared>, source: KeySource, interval: Duration) {
    let mut failures = 0;
    loop {
        shared.demand().in_progress = true;
        let outcome = source.fetch().await;
        failures = if outcome.is_ok() { 0 } else { failures + 1 };
        let pause = match failures {
            0 => interval,
            _ => retry_pause(failures, shared.usable().is_some()).min(interval),
        };
        take_in(&shared, outcome);
        wait(&shared, Instant::now() + pause).await;
    }
}

/// Publishes a new key set; a failure leaves the last good one in place.
pub(super) fn take_in(shared: &Shared, outcome: Result<KeySet, FetchError>) {
    let fetched = outcome.is_ok();
    match outcome {
        Ok(keys) => {
            tracing::info!(keys = keys.len(), "fetched the signing keys");
            shared.snapshot.store(Some(Arc::new(keys)));
        }
        Err(error) => {
            tracing::warn!(error = one_line(&error), "could not fetch the signing keys");
        }
    }
    // In this order under the lock: whoever asks from now on asks for another fetch.
    let mut demand = shared.demand();
    demand.in_progress = false;
    shared.fetches.send_modify(|fetches| {
        let count = if fetched { &mut fetches.fetched } else { &mut fetches.failed };
        *count += 1;
    });
}

/// Waits for the next turn, or for somebody who has been allowed a fetch out of turn.
async fn wait(shared: &Shared, turn: Instant) {
    loop {
        tokio::select! {
            () = sleep_until(turn) => return,
            () = shared.wanted.notified() => {
                // The wish may be older than the fetch that has just ended.
                if shared.demand().in_progress {
                    return;
                }
            }
        }
    }
}

fn retry_pause(failures: u32, have_keys: bool) -> Duration {
    let longest = if have_keys { MAX_RETRY_WITH_KEYS } else { MAX_RETRY_WITHOUT_KEYS };
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_RETRY.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_that_depends_on_what_is_at_hand() {
        let pauses =
            |have_keys| [1, 2, 3, 4, 5, 100].map(|failures| retry_pause(failures, have_keys).as_millis());
        assert_eq!(pauses(false), [250, 500, 1000, 2000, 2000, 2000]);
        assert_eq!(pauses(true), [250, 500, 1000, 2000, 4000, 300_000]);
    }
}
