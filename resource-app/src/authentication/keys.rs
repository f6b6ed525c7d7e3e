//! The keys that Entra signs tokens with.
//!
//! One background task owns them: it fetches the key set now and then, and when a token names a key that is not
//! in it. Requests read an immutable snapshot, swapped whole. A request never waits for the network on a key that
//! is at hand.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

mod bucket;
mod key_set;
mod refresh;
mod source;

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde::Deserialize;
use shared::settings::KeyProblem;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use bucket::Bucket;
pub use key_set::{KeySet, SigningKey};
pub use source::KeySource;

/// Section `[keys]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Seconds between two fetches.
    pub refresh_interval_seconds: NonZeroU64,
    /// Seconds after which keys that could not be fetched again are no longer trusted.
    pub max_age_seconds: NonZeroU64,
    /// How many fetches tokens with unknown keys may cause at once.
    pub unknown_key_fetches: NonZeroU32,
    /// Seconds until one more such fetch is allowed.
    pub unknown_key_refill_seconds: NonZeroU64,
    /// How long a request with an unknown key waits for the fetch, in milliseconds.
    pub unknown_key_wait_milliseconds: NonZeroU64,
}

/// The longest time for which keys may be used without a successful fetch: Entra's own documents may be kept as long.
const LONGEST_AGE: Duration = Duration::from_hours(24);

/// The longest time for which a request may wait for a fetch.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl KeySettings {
    /// Looks at the settings as a whole.
    ///
    /// # Errors
    /// Keys would be too old before they are fetched again, or a time is longer than makes sense.
    pub fn check(&self) -> Result<(), KeyProblem> {
        if self.max_age_seconds.get() > LONGEST_AGE.as_secs() {
            return Err(KeyProblem::new("keys.max_age_seconds", "must be at most 86400, which is a day"));
        }
        if self.refresh_interval_seconds >= self.max_age_seconds {
            return Err(KeyProblem::new(
                "keys.refresh_interval_seconds",
                "must be less than `keys.max_age_seconds`, or keys would be too old before they are fetched again",
            ));
        }
        if u128::from(self.unknown_key_wait_milliseconds.get()) > LONGEST_WAIT.as_millis() {
            return Err(KeyProblem::new("keys.unknown_key_wait_milliseconds", "must be at most 10000"));
        }
        Ok(())
    }
}

/// The current keys, and the task that keeps them current; the task ends with the last `Keys`.
#[derive(Debug)]
pub struct Keys {
    shared: Arc<Shared>,
    _task: Option<AbortOnDropHandle<()>>,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Entra publishes no key of that name, as far as is known.
    Unknown,
    /// There is no usable key set.
    Unavailable,
}

/// What there is to report about the keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyStatus {
    /// How many keys there are; none where they are too old to be used.
    pub keys: usize,
    /// How long ago they were fetched.
    pub age: Option<Duration>,
    /// How many fetches brought a key set.
    pub fetched: u64,
    /// How many fetches failed.
    pub failed: u64,
}

/// What requests and the task have in common.
#[derive(Debug)]
struct Shared {
    snapshot: ArcSwapOption<KeySet>,
    max_age: Duration,
    wait: Duration,
    demand: Mutex<Demand>,
    /// Wakes the task for a fetch out of turn.
    wanted: Notify,
    /// Counts the fetches that have ended; requests wait for it to change.
    fetches: watch::Sender<Fetches>,
}

/// Decides whether an unknown key may cause a fetch.
#[derive(Debug)]
struct Demand {
    /// A fetch is under way or asked for: nobody needs to ask again.
    in_progress: bool,
    bucket: Bucket,
}

#[derive(Debug, Clone, Copy, Default)]
struct Fetches {
    fetched: u64,
    failed: u64,
}

impl Keys {
    /// Starts fetching keys in the background.
    #[must_use]
    pub fn start(source: KeySource, settings: &KeySettings) -> Self {
        let shared = Arc::new(Shared::new(settings));
        let interval = Duration::from_secs(settings.refresh_interval_seconds.get());
        let task = tokio::spawn(refresh::run(Arc::clone(&shared), source, interval));
        Self { shared, _task: Some(AbortOnDropHandle::new(task)) }
    }

    /// The key of this name. Waits, for a bounded time, only where it is not at hand and a fetch may bring it.
    ///
    /// # Errors
    /// There is no such key, or no usable key set.
    pub async fn find(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        let miss = match self.shared.lookup(key_id) {
            Ok(key) => return Ok(key),
            Err(miss) => miss,
        };
        let Some(mut fetches) = self.shared.fetch_after(miss) else { return Err(miss) };
        // A fetch may have ended between the look and the wish; then this one finds the key.
        if let Ok(key) = self.shared.lookup(key_id) {
            return Ok(key);
        }
        // When the time is up or the task is gone, a last look tells what is known.
        let _ = tokio::time::timeout(self.shared.wait, fetches.changed()).await;
        self.shared.lookup(key_id)
    }

    /// Whether tokens can be verified.
    #[must_use]
    pub fn are_usable(&self) -> bool {
        self.shared.usable().is_some()
    }

    /// What there is to report.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let Fetches { fetched, failed } = *self.shared.fetches.borrow();
        KeyStatus {
            keys: self.shared.usable().map_or(0, |keys| keys.len()),
            age: self.shared.snapshot.load().as_ref().map(|keys| keys.age()),
            fetched,
            failed,
        }
    }

    /// Keys that are never fetched.
    #[cfg(test)]
    pub(super) fn fixed(keys: KeySet) -> Self {
        let one = NonZeroU64::MIN;
        let shared = Shared::new(&KeySettings {
            refresh_interval_seconds: one,
            max_age_seconds: NonZeroU64::MAX,
            unknown_key_fetches: NonZeroU32::MIN,
            unknown_key_refill_seconds: NonZeroU64::MAX,
            unknown_key_wait_milliseconds: one,
        });
        shared.snapshot.store(Some(Arc::new(keys)));
        Self { shared: Arc::new(shared), _task: None }
    }
}

impl Shared {
    fn new(settings: &KeySettings) -> Self {
        let refill = Duration::from_secs(settings.unknown_key_refill_seconds.get());
        let bucket = Bucket::new(settings.unknown_key_fetches, refill);
        Self {
            snapshot: ArcSwapOption::empty(),
            max_age: Duration::from_secs(settings.max_age_seconds.get()),
            wait: Duration::from_millis(settings.unknown_key_wait_milliseconds.get()),
            demand: Mutex::new(Demand { in_progress: true, bucket }),
            wanted: Notify::new(),
            fetches: watch::Sender::new(Fetches::default()),
        }
    }

    fn usable(&self) -> Option<Arc<KeySet>> {
        self.snapshot.load_full().filter(|keys| keys.age() <= self.max_age)
    }

    fn lookup(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        self.usable().ok_or(KeyError::Unavailable)?.find(key_id).ok_or(KeyError::Unknown)
    }

    /// What changes when the fetch ends that is under way, or that this miss may cause; nothing where there is none.
    fn fetch_after(&self, miss: KeyError) -> Option<watch::Receiver<Fetches>> {
        let mut demand = self.demand();
        if !demand.in_progress {
            // Without a key set, the task tries again by itself before long.
            if miss == KeyError::Unavailable || !demand.bucket.take(Instant::now()) {
                return None;
            }
            demand.in_progress = true;
            self.wanted.notify_one();
        }
        // Under the lock, so that the end of this fetch cannot be missed.
        Some(self.fetches.subscribe())
    }

    fn demand(&self) -> MutexGuard<'_, Demand> {
        // Nothing that holds the lock can leave it half changed.
        self.demand.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::source::FetchError;
    use super::*;
    use crate::authentication::test_token::TestKey;

    /// One forced fetch at once and no refill; a wait that no passing test sits out.
    fn keys() -> Arc<Keys> {
        let shared = Shared::new(&KeySettings {
            refresh_interval_seconds: NonZeroU64::MAX,
            max_age_seconds: NonZeroU64::MAX,
            unknown_key_fetches: NonZeroU32::MIN,
            unknown_key_refill_seconds: NonZeroU64::MAX,
            unknown_key_wait_milliseconds: NonZeroU64::new(60_000).unwrap(),
        });
        Arc::new(Keys { shared: Arc::new(shared), _task: None })
    }

    fn key_set(key_ids: &[&str]) -> KeySet {
        let key = TestKey::new();
        let jwks: Vec<_> = key_ids.iter().map(|id| key.jwk(id)).collect();
        KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
    }

    async fn error_of(keys: &Keys, key_id: &str) -> Option<KeyError> {
        keys.find(key_id).await.err()
    }

    #[tokio::test]
    async fn without_a_key_set_nothing_is_unknown() {
        let keys = keys();
        refresh::take_in(&keys.shared, Err(FetchError::Discovery));
        assert_eq!(error_of(&keys, "K1").await, Some(KeyError::Unavailable));
        assert!(!keys.are_usable());
    }

    #[tokio::test]
    async fn a_request_that_comes_during_the_first_fetch_waits_for_it() {
        let keys = keys();
        let request = {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move { keys.find("K1").await.is_ok() })
        };
        tokio::task::yield_now().await;
        assert!(!request.is_finished());
        refresh::take_in(&keys.shared, Ok(key_set(&["K1"])));
        assert!(request.await.unwrap());
    }

    #[tokio::test]
    async fn a_failed_fetch_leaves_the_last_good_keys() {
        let keys = keys();
        refresh::take_in(&keys.shared, Ok(key_set(&["K1"])));
        refresh::take_in(&keys.shared, Err(FetchError::Discovery));
        assert_eq!(error_of(&keys, "K1").await, None);
        let status = keys.status();
        assert_eq!((status.keys, status.fetched, status.failed), (1, 1, 1));
    }

    #[tokio::test]
    async fn keys_that_are_too_old_are_not_used() {
        let mut shared = Shared::new(&KeySettings {
            refresh_interval_seconds: NonZeroU64::MAX,
            max_age_seconds: NonZeroU64::MIN,
            unknown_key_fetches: NonZeroU32::MIN,
            unknown_key_refill_seconds: NonZeroU64::MAX,
            unknown_key_wait_milliseconds: NonZeroU64::MIN,
        });
        shared.max_age = Duration::ZERO;
        refresh::take_in(&shared, Ok(key_set(&["K1"])));
        let keys = Keys { shared: Arc::new(shared), _task: None };
        assert_eq!(error_of(&keys, "K1").await, Some(KeyError::Unavailable));
    }

    #[tokio::test]
    async fn any_number_of_requests_with_an_unknown_key_cost_one_fetch_and_then_none() {
        let keys = keys();
        refresh::take_in(&keys.shared, Ok(key_set(&["K1"])));
        let requests: Vec<_> = (0..100)
            .map(|_| {
                let keys = Arc::clone(&keys);
                tokio::spawn(async move { keys.find("K2").await.is_ok() })
            })
            .collect();
        keys.shared.wanted.notified().await;
        // A known key does not wait for the fetch that is under way.
        assert_eq!(error_of(&keys, "K1").await, None);
        refresh::take_in(&keys.shared, Ok(key_set(&["K1", "K2"])));
        for request in requests {
            assert!(request.await.unwrap());
        }
        // The bucket is empty: the answer is at once, and nobody is woken.
        assert_eq!(error_of(&keys, "K3").await, Some(KeyError::Unknown));
        let wanted = tokio::time::timeout(Duration::from_millis(20), keys.shared.wanted.notified());
        assert!(wanted.await.is_err());
    }

    #[tokio::test]
    async fn a_request_does_not_wait_longer_than_it_may() {
        let keys = keys();
        let mut shared = Arc::into_inner(keys).and_then(|keys| Arc::into_inner(keys.shared)).unwrap();
        shared.wait = Duration::from_millis(20);
        refresh::take_in(&shared, Ok(key_set(&["K1"])));
        let keys = Keys { shared: Arc::new(shared), _task: None };
        assert_eq!(error_of(&keys, "K2").await, Some(KeyError::Unknown));
    }
}
