//! What requests and the task that fetches have in common.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::demand::{Demand, Progress};
use super::snapshot::Snapshot;
use super::{KeyError, KeySet, KeySettings, SigningKey, refresh, unknown};

/// The current keys, and who wants others.
#[derive(Debug)]
pub(super) struct Shared {
    snapshot: ArcSwapOption<Snapshot>,
    max_age: Duration,
    grace: Duration,
    wait: Duration,
    /// How long a fetch can tell that there is no key of a name.
    tells_for: Duration,
    demand: Mutex<Demand>,
    /// Wakes the task for a fetch out of turn.
    pub(super) wanted: Notify,
    /// Counts the fetches that have ended; requests wait for it to change.
    pub(super) fetches: watch::Sender<Fetches>,
}

/// The fetches that have ended.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fetches {
    pub(super) fetched: u64,
    pub(super) failed: u64,
    /// Whether the last one failed.
    pub(super) failing: bool,
}

/// Why a key is not at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Miss {
    /// There are no keys, or they are too old.
    NoKeys,
    /// The newest set does not have the name.
    Unpublished,
    /// The newest set has the name, with a key that is of no use: another fetch is not needed to know that.
    Useless,
}

/// What a request for a key that is not at hand can wait for.
enum Prospect {
    /// Nothing, since the answer is known.
    Answer(Result<Arc<SigningKey>, KeyError>),
    /// The end of a fetch, which may have begun before the request came.
    Fetch { end: watch::Receiver<Fetches>, has_begun: bool },
}

impl Shared {
    pub(super) fn new(settings: &KeySettings) -> Self {
        let refill = Duration::from_secs(settings.unknown_key_refill_seconds.get());
        Self {
            snapshot: ArcSwapOption::empty(),
            max_age: Duration::from_secs(settings.max_age_seconds.get()),
            grace: Duration::from_secs(settings.removed_key_grace_seconds),
            wait: Duration::from_millis(settings.unknown_key_wait_milliseconds.get()),
            tells_for: unknown::MEMORY,
            demand: Mutex::new(Demand::new(settings.unknown_key_fetches, refill)),
            wanted: Notify::new(),
            fetches: watch::Sender::new(Fetches::default()),
        }
    }

    /// With these keys for ever: nobody can cause a fetch, and there are no others.
    pub(super) fn never_fetching(keys: KeySet) -> Self {
        let mut shared = Self::new(&KeySettings {
            refresh_interval_seconds: NonZeroU64::MAX,
            max_age_seconds: NonZeroU64::MAX,
            removed_key_grace_seconds: 0,
            unknown_key_fetches: NonZeroU32::MIN,
            unknown_key_refill_seconds: NonZeroU64::MAX,
            unknown_key_wait_milliseconds: NonZeroU64::MIN,
        });
        shared.tells_for = Duration::MAX;
        shared.demand().take_fetch(Instant::now());
        shared.demand().fetch_ended();
        refresh::take_in(&shared, Ok(keys));
        shared
    }

    /// Looks at the keys, where there are some that are not too old.
    pub(super) fn usable<T>(&self, look: impl FnOnce(&Snapshot) -> T) -> Option<T> {
        let snapshot = self.snapshot.load();
        snapshot.as_ref().filter(|keys| keys.is_within(self.max_age)).map(|keys| look(keys))
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
        match self.lookup(key_id) {
            Ok(key) => return Ok(key),
            Err(Miss::Useless) => return Err(KeyError::Unknown),
            Err(Miss::NoKeys | Miss::Unpublished) => {}
        }
        // In a box: it is seldom waited for, and every request would have to make room for it.
        let fetched = Box::pin(tokio::time::timeout(self.wait, self.await_key(key_id))).await;
        // As long as the fetch is under way, nobody can say that there is no such key.
        fetched.unwrap_or_else(|_| self.lookup(key_id).map_err(|_| KeyError::Unavailable))
    }

    /// Puts a newer key set in the place of the last one.
    pub(super) fn publish(&self, keys: KeySet) {
        let last = self.snapshot.load();
        let last = last.as_deref();
        let next = match last {
            Some(last) => last.followed_by(keys, self.grace),
            None => Snapshot::new(keys),
        };
        self.demand().brought(&next, last, Instant::now());
        if last.is_some_and(|last| next.removed() > last.removed()) {
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

    /// Waits until a fetch that began after the request came has ended.
    ///
    /// One that was under way may have been answered before the key was published; then the next one tells.
    pub(super) async fn await_key(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        let mut is_last = false;
        loop {
            let (mut end, has_begun) = match self.prospect(key_id) {
                Prospect::Answer(answer) => return answer,
                Prospect::Fetch { end, has_begun } => (end, has_begun),
            };
            // Its sender is part of `self`, so this ends with a fetch and never with an error.
            let _ = end.changed().await;
            let error = match self.lookup(key_id) {
                Ok(key) => return Ok(key),
                Err(miss) => self.judge(miss),
            };
            if is_last || !has_begun || error == KeyError::Unavailable {
                if error == KeyError::Unknown {
                    self.demand().unknown.remember(key_id, Instant::now());
                }
                return Err(error);
            }
            is_last = true;
        }
    }

    /// What there is to wait for: the fetch that is coming, or one that this request causes.
    fn prospect(&self, key_id: &str) -> Prospect {
        let now = Instant::now();
        let mut demand = self.demand();
        // Under the lock: what a fetch that has ended brought is seen here, and no other is asked for.
        let miss = match self.lookup(key_id) {
            Ok(key) => return Prospect::Answer(Ok(key)),
            Err(miss) => miss,
        };
        let is_known_unknown = miss == Miss::Unpublished && demand.unknown.contains(key_id, now);
        if miss == Miss::Useless || is_known_unknown {
            return Prospect::Answer(Err(self.judge(miss)));
        }
        if demand.fetch == Progress::Idle {
            // Without a key set, the task tries again by itself before long.
            if miss == Miss::NoKeys || !demand.take_fetch(now) {
                return Prospect::Answer(Err(self.judge_without_fetch(miss)));
            }
            self.wanted.notify_one();
        }
        // Under the lock, so that the end of this fetch cannot be missed.
        Prospect::Fetch { end: self.fetches.subscribe(), has_begun: demand.fetch == Progress::UnderWay }
    }

    fn lookup(&self, key_id: &str) -> Result<Arc<SigningKey>, Miss> {
        let found = self.usable(|keys| match keys.find(key_id) {
            Some(key) => Ok(key),
            None if keys.names(key_id) => Err(Miss::Useless),
            None => Err(Miss::Unpublished),
        });
        found.unwrap_or(Err(Miss::NoKeys))
    }

    /// Where the authority does not answer, a key that is not at hand may exist all the same.
    fn judge(&self, miss: Miss) -> KeyError {
        match miss {
            Miss::Useless => KeyError::Unknown,
            Miss::Unpublished if !self.fetches.borrow().failing => KeyError::Unknown,
            Miss::Unpublished | Miss::NoKeys => KeyError::Unavailable,
        }
    }

    /// The same where no fetch is allowed: a key may have been published since the last one.
    fn judge_without_fetch(&self, miss: Miss) -> KeyError {
        let can_tell = self.age().is_some_and(|age| age <= self.tells_for);
        if can_tell { self.judge(miss) } else { KeyError::Unavailable }
    }
}
