//! What requests and the task that fetches have in common.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::bucket::Bucket;
use super::snapshot::Snapshot;
use super::unknown::UnknownKeys;
use super::{KeyError, KeySet, KeySettings, SigningKey, refresh};

/// The current keys, and who wants others.
#[derive(Debug)]
pub(super) struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    max_age: Duration,
    grace: Duration,
    wait: Duration,
    demand: Mutex<Demand>,
    /// Wakes the task for a fetch out of turn.
    pub(super) wanted: Notify,
    /// Counts the fetches that have ended; requests wait for it to change.
    pub(super) fetches: watch::Sender<Fetches>,
}

/// Decides whether an unknown key may cause a fetch.
#[derive(Debug)]
pub(super) struct Demand {
    pub(super) fetch: Progress,
    pub(super) bucket: Bucket,
    pub(super) unknown: UnknownKeys,
}

/// Where the next fetch to end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nobody has asked for one.
    Idle,
    /// It is about to begin: nobody needs to ask again.
    Wanted,
    /// It has begun, and the authority may have answered already.
    UnderWay,
}

/// The fetches that have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fetches {
    pub(super) fetched: u64,
    pub(super) failed: u64,
    /// Whether the last one failed.
    pub(super) failing: bool,
}

impl Shared {
    pub(super) fn new(settings: &KeySettings) -> Self {
        let refill = Duration::from_secs(settings.unknown_key_refill_seconds.get());
        let bucket = Bucket::new(settings.unknown_key_fetches, refill);
        Self {
            snapshot: ArcSwapOption::empty(),
            max_age: Duration::from_secs(settings.max_age_seconds.get()),
            grace: Duration::from_secs(settings.removed_key_grace_seconds),
            wait: Duration::from_millis(settings.unknown_key_wait_milliseconds.get()),
            // The task begins with a fetch.
            demand: Mutex::new(Demand { fetch: Progress::Wanted, bucket, unknown: UnknownKeys::default() }),
            wanted: Notify::new(),
            fetches: watch::Sender::new(Fetches::default()),
        }
    }

    /// With these keys for ever: nobody can cause a fetch.
    pub(super) fn never_fetching(keys: KeySet) -> Self {
        let shared = Self::new(&KeySettings {
            refresh_interval_seconds: NonZeroU64::MAX,
            max_age_seconds: NonZeroU64::MAX,
            removed_key_grace_seconds: 0,
            unknown_key_fetches: NonZeroU32::MIN,
            unknown_key_refill_seconds: NonZeroU64::MAX,
            unknown_key_wait_milliseconds: NonZeroU64::MIN,
        });
        shared.demand().bucket.take(Instant::now());
        refresh::take_in(&shared, Ok(keys));
        shared
    }

    /// Looks at the keys, where there are some that are not too old.
    pub(super) fn usable<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().filter(|keys| keys.age() <= self.max_age).map(|keys| look(keys))
    }

    /// How much longer the keys can be used if no fetch succeeds; nothing where there are none.
    pub(super) fn time_left(&self) -> Option<Duration> {
        self.usable(|keys| self.max_age.saturating_sub(keys.age()))
    }

    /// How long ago the keys were fetched, usable or not.
    pub(super) fn age(&self) -> Option<Duration> {
        self.snapshot.load().as_ref().map(|keys| keys.age())
    }

    /// The key of this name, waited for where a fetch may bring it.
    pub(super) async fn find(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        let miss = match self.lookup(key_id) {
            Ok(key) => return Ok(key),
            Err(miss) => miss,
        };
        let fetched = tokio::time::timeout(self.wait, self.await_key(key_id, miss)).await;
        // As long as the fetch is under way, nobody can say that there is no such key.
        fetched.unwrap_or_else(|_| self.lookup(key_id).map_err(|_| KeyError::Unavailable))
    }

    /// Puts a newer key set in the place of the last one.
    pub(super) fn publish(&self, keys: KeySet) {
        let last = self.snapshot.load();
        let Some(last) = last.as_ref() else {
            self.snapshot.store(Some(Arc::new(Snapshot::new(keys))));
            return;
        };
        let next = last.followed_by(keys, self.grace);
        if next.has_key_unknown_to(last) {
            // Whoever asked for this fetch was right: rollovers do not use up what floods are held down by.
            self.demand().bucket.put_back();
        }
        if next.removed() > last.removed() {
            tracing::warn!(
                removed = next.removed(),
                "keys are no longer published; they are used until they were last seen too long ago"
            );
        }
        self.snapshot.store(Some(Arc::new(next)));
    }

    pub(super) fn demand(&self) -> MutexGuard<'_, Demand> {
        // Nothing that holds the lock can leave it half changed.
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lookup(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        self.usable(|keys| keys.find(key_id)).ok_or(KeyError::Unavailable)?.ok_or(KeyError::Unknown)
    }

    /// Waits until a fetch that began after the request came has ended.
    ///
    /// One that was under way may have been answered before the key was published; then the next one tells.
    async fn await_key(&self, key_id: &str, mut miss: KeyError) -> Result<Arc<SigningKey>, KeyError> {
        for is_last in [false, true] {
            let Some((mut fetches, began_before)) = self.fetch_after(key_id, miss) else {
                return Err(self.judge(miss));
            };
            // A fetch may have ended between the look and the wish; then this one finds the key.
            if let Ok(key) = self.lookup(key_id) {
                return Ok(key);
            }
            // Its sender is part of `self`, so this ends with a fetch and never with an error.
            let _ = fetches.changed().await;
            miss = match self.lookup(key_id) {
                Ok(key) => return Ok(key),
                Err(miss) => self.judge(miss),
            };
            if is_last || !began_before || miss == KeyError::Unavailable {
                break;
            }
        }
        if miss == KeyError::Unknown {
            self.demand().unknown.remember(key_id, Instant::now());
        }
        Err(miss)
    }

    /// What changes when the fetch ends that is coming or that this miss may cause, and whether that fetch has begun
    /// already; nothing where there is none.
    fn fetch_after(&self, key_id: &str, miss: KeyError) -> Option<(watch::Receiver<Fetches>, bool)> {
        let now = Instant::now();
        let mut demand = self.demand();
        if miss == KeyError::Unknown && demand.unknown.contains(key_id, now) {
            return None;
        }
        if demand.fetch == Progress::Idle {
            // Without a key set, the task tries again by itself before long.
            if miss == KeyError::Unavailable || !demand.bucket.take(now) {
                return None;
            }
            demand.fetch = Progress::Wanted;
            self.wanted.notify_one();
        }
        // Under the lock, so that the end of this fetch cannot be missed.
        Some((self.fetches.subscribe(), demand.fetch == Progress::UnderWay))
    }

    /// Where the authority does not answer, a key that is not at hand may exist all the same.
    fn judge(&self, miss: KeyError) -> KeyError {
        if self.fetches.borrow().failing { KeyError::Unavailable } else { miss }
    }
}
