//! The state that requests share with the task that fetches keys.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::budget::RefetchBudget;
use super::snapshot::Snapshot;
use super::{KeyError, KeySet, KeySettings, SigningKey};

/// The current keys, and the requests to fetch newer ones.
#[derive(Debug)]
pub(super) struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    max_age: Duration,
    grace: Duration,
    /// How long a request waits for a fetch.
    wait: Duration,
    refetch: Mutex<Refetch>,
    /// Wakes the fetching task before its next regular fetch.
    pub(super) wanted: Notify,
    /// Counts finished fetches; requests wait for it to change.
    pub(super) fetches: watch::Sender<Fetches>,
}

/// Counts of finished fetches.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fetches {
    pub(super) fetched: u64,
    pub(super) failed: u64,
    /// Whether the last fetch failed.
    pub(super) failing: bool,
}

/// The progress of the next fetch, and the budget for fetches that unknown key ids cause.
#[derive(Debug)]
pub(super) struct Refetch {
    pub(super) progress: Progress,
    budget: RefetchBudget,
}

/// The progress of the next fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// No fetch is requested.
    Idle,
    /// A fetch is about to begin, so no other needs to be requested.
    Wanted,
    /// A fetch has begun, and Entra may have answered it already.
    UnderWay,
}

impl Shared {
    pub(super) fn new(settings: &KeySettings) -> Self {
        let refill = Duration::from_secs(settings.unknown_key_refill_seconds.get());
        Self {
            max_age: Duration::from_secs(settings.max_age_seconds.get()),
            grace: Duration::from_secs(settings.removed_key_grace_seconds),
            wait: Duration::from_millis(settings.unknown_key_wait_milliseconds.get()),
            snapshot: ArcSwapOption::empty(),
            refetch: Mutex::new(Refetch {
                // The task starts with a fetch.
                progress: Progress::Wanted,
                budget: RefetchBudget::new(settings.unknown_key_fetches, refill),
            }),
            wanted: Notify::new(),
            fetches: watch::Sender::new(Fetches::default()),
        }
    }

    /// Creates a state that keeps these keys forever and never fetches.
    pub(super) fn never_fetching(keys: KeySet) -> Self {
        let shared = Self {
            max_age: Duration::MAX,
            refetch: Mutex::new(Refetch { progress: Progress::Idle, budget: RefetchBudget::none() }),
            ..Self::new(&KeySettings::default())
        };
        shared.publish(keys);
        shared
    }

    /// Reads the keys; returns `None` if there are none or they are too old.
    pub(super) fn usable<T>(&self, read: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().filter(|keys| keys.age() <= self.max_age).map(|keys| read(keys))
    }

    /// Returns how much longer the keys can be used if no fetch succeeds; `None` if there are no usable keys.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.usable(|keys| self.max_age.saturating_sub(keys.age()))
    }

    /// Returns how long ago the keys were fetched, whether they are usable or not.
    pub(super) fn age(&self) -> Option<Duration> {
        self.snapshot.load().as_ref().map(|keys| keys.age())
    }

    /// Finds the key with this id. If a fetch may return the key, waits for that fetch.
    pub(super) async fn find(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        if let Some(found) = self.lookup(key_id) {
            return found;
        }
        // Boxed because requests seldom wait, and every request's future would hold space for it.
        let fetched = Box::pin(tokio::time::timeout(self.wait, self.await_key(key_id))).await;
        // While the fetch is running, the key may still turn up.
        fetched.unwrap_or_else(|_| self.lookup(key_id).unwrap_or(Err(KeyError::Unavailable)))
    }

    /// Replaces the keys with a newer set.
    pub(super) fn publish(&self, keys: KeySet) {
        let last = self.snapshot.load();
        let last = last.as_deref();
        let next = match last {
            Some(last) => last.followed_by(keys, self.grace),
            None => Snapshot::new(keys),
        };
        if last.is_some_and(|last| next.removed() > last.removed()) {
            tracing::warn!(
                removed = next.removed(),
                "keys are no longer published; they stay in use for the grace period"
            );
        }
        self.snapshot.store(Some(Arc::new(next)));
    }

    pub(super) fn refetch(&self) -> MutexGuard<'_, Refetch> {
        // No holder of the lock can leave the state half changed.
        self.refetch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a fetch that began after the request arrived, and requests one if the budget allows it.
    ///
    /// A fetch that was already running may have been answered before the key was published, so the next one decides.
    pub(super) async fn await_key(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        let mut may_wait_again = true;
        loop {
            let (mut end, was_under_way) = {
                let mut refetch = self.refetch();
                // Under the lock, so a fetch that has just ended is seen and not requested again.
                if let Some(found) = self.lookup(key_id) {
                    return found;
                }
                if refetch.progress == Progress::Idle {
                    // Without keys the task retries by itself within seconds.
                    if self.time_left().is_none() || !refetch.budget.take(Instant::now()) {
                        return Err(self.error());
                    }
                    refetch.progress = Progress::Wanted;
                    self.wanted.notify_one();
                }
                // Under the lock, so the end of this fetch cannot be missed.
                (self.fetches.subscribe(), refetch.progress == Progress::UnderWay)
            };
            // `self` owns the sender, so this never fails.
            let _ = end.changed().await;
            if let Some(found) = self.lookup(key_id) {
                return found;
            }
            may_wait_again &= was_under_way;
            if !may_wait_again || self.error() == KeyError::Unavailable {
                return Err(self.error());
            }
            may_wait_again = false;
        }
    }

    /// Looks up the key with this id; `None` if a fetch may return it.
    fn lookup(&self, key_id: &str) -> Option<Result<Arc<SigningKey>, KeyError>> {
        self.usable(|keys| keys.find(key_id))?
    }

    /// Returns why a key was not found. If the last fetch failed, the key may exist nevertheless.
    fn error(&self) -> KeyError {
        let is_unavailable = self.fetches.borrow().failing || self.time_left().is_none();
        if is_unavailable { KeyError::Unavailable } else { KeyError::Unknown }
    }
}
