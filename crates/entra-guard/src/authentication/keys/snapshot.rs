//! The keys that requests use: the newest key set, and removed keys in their grace period.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::SigningKey;
use super::key_set::{KeySet, MAX_KEYS};
use super::sleep_aware::SleepAwareInstant;

/// The keys after a fetch; immutable.
///
/// Entra once removed a key by mistake and restored it hours later. So a key that a newer set lacks stays usable for a
/// grace period. If a newer set has the same id with another or an unusable key, the old key ends at once.
#[derive(Debug)]
pub(super) struct Snapshot {
    published: KeySet,
    removed: HashMap<String, RemovedKey>,
    generation: u64,
}

/// A key that is no longer published.
#[derive(Debug, Clone)]
struct RemovedKey {
    key: Arc<SigningKey>,
    grace: Arc<Grace>,
}

/// The grace period of the keys that one fetch found removed.
#[derive(Debug)]
struct Grace {
    last_published: SleepAwareInstant,
    limit: Duration,
    /// Stays set once the period is over, so that a clock that is set back does not restore a key.
    is_over: AtomicBool,
}

impl Snapshot {
    /// The keys after the first fetch.
    pub(super) fn new(published: KeySet) -> Self {
        Self { published, removed: HashMap::new(), generation: 1 }
    }

    /// The keys after a further fetch returned `published`.
    pub(super) fn followed_by(&self, published: KeySet, grace: Duration) -> Self {
        let now = published.fetched_at();
        let last_published = self.published.fetched_at().clone();
        let grace = Arc::new(Grace { last_published, limit: grace, is_over: AtomicBool::new(false) });
        let gone_now = self.published.iter().map(|(name, key)| {
            (name.clone(), RemovedKey { key: Arc::clone(key), grace: Arc::clone(&grace) })
        });
        let gone_before = self.removed.iter().map(|(name, removed)| (name.clone(), removed.clone()));
        let removed: HashMap<_, _> = gone_now
            .chain(gone_before)
            .filter(|(name, removed)| !removed.grace.is_over_at(now) && !published.names(name))
            .take(MAX_KEYS)
            .collect();
        let unchanged = self.removed.is_empty() && self.published.has_same_keys_as(&published);
        let generation = if unchanged { self.generation } else { self.last_generation() + 1 };
        Self { published, removed, generation }
    }

    /// The key with exactly this id.
    pub(super) fn find(&self, key_id: &str) -> Option<Arc<SigningKey>> {
        self.published.find(key_id).or_else(|| {
            let removed = self.removed.get(key_id)?;
            (!removed.has_ended()).then(|| Arc::clone(&removed.key))
        })
    }

    /// A number that changes whenever a key is added, changed or removed.
    ///
    /// The end of a grace period counts by itself, so no timer is needed.
    pub(super) fn generation(&self) -> u64 {
        self.generation + self.removed.values().filter(|removed| removed.has_ended()).count() as u64
    }

    /// Whether the newest set has this id, even if its key is unusable.
    pub(super) fn names(&self, key_id: &str) -> bool {
        self.published.names(key_id)
    }

    /// Number of published keys.
    pub(super) fn len(&self) -> usize {
        self.published.len()
    }

    /// Number of removed keys in their grace period.
    pub(super) fn removed(&self) -> usize {
        self.removed.values().filter(|removed| !removed.has_ended()).count()
    }

    /// Time since the keys were fetched.
    pub(super) fn age(&self) -> Duration {
        self.published.age()
    }

    /// Whether the keys are at most `max_age` old.
    pub(super) fn is_within(&self, max_age: Duration) -> bool {
        self.published.is_within(max_age)
    }

    /// The value of [`Self::generation`] once every grace period is over.
    fn last_generation(&self) -> u64 {
        self.generation + self.removed.len() as u64
    }
}

impl RemovedKey {
    fn has_ended(&self) -> bool {
        self.grace.is_over()
    }
}

impl Grace {
    /// Whether the period is over. Every request asks while keys are removed.
    fn is_over(&self) -> bool {
        if self.is_over.load(Ordering::Relaxed) {
            return true;
        }
        let is_over = !self.last_published.is_within(self.limit);
        if is_over {
            self.is_over.store(true, Ordering::Relaxed);
        }
        is_over
    }

    /// Whether the period was over when a set was parsed; a period of zero always is.
    fn is_over_at(&self, read: &SleepAwareInstant) -> bool {
        self.is_over.load(Ordering::Relaxed) || read.since(&self.last_published) >= self.limit
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::test_token::TestKey;

    const HOUR: Duration = Duration::from_hours(1);

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_key_ends_an_hour_after_it_was_last_published() {
        let key = TestKey::new();
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]));
        tokio::time::advance(HOUR / 2).await;
        let second = first.followed_by(set(&[key.jwk("K2")]), HOUR);
        assert!(second.find("K1").is_some() && second.find("K2").is_some());
        assert_eq!((second.len(), second.removed()), (1, 1));
        tokio::time::advance(HOUR / 2).await;
        let third = second.followed_by(set(&[key.jwk("K2")]), HOUR);
        assert!(second.find("K1").is_some());
        assert!(third.find("K1").is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(second.find("K1").is_none() && second.find("K2").is_some());
        assert_eq!(second.removed(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_that_a_machine_slept_counts_towards_the_end_of_a_removed_key() {
        let (key, [before, after]) = (TestKey::new(), [59, 61].map(Duration::from_mins));
        let slept = |time| {
            let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]).before_a_sleep_of(time));
            first.followed_by(set(&[key.jwk("K2")]).before_a_sleep_of(time), HOUR)
        };
        let (usable, ended) = (slept(before), slept(after));
        assert!(usable.find("K1").is_some() && ended.find("K1").is_none());
        assert_eq!((usable.removed(), ended.removed()), (1, 0));
        assert_eq!(ended.generation(), usable.generation() + 1);
        // A fetch after the sleep finds as much.
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]).before_a_sleep_of(after));
        assert!(first.followed_by(set(&[key.jwk("K2")]), HOUR).removed.is_empty());
    }

    #[test]
    fn a_grace_that_is_over_stays_over() {
        let grace = |last_published, is_over| Grace {
            last_published,
            limit: HOUR,
            is_over: AtomicBool::new(is_over),
        };
        let slept = grace(SleepAwareInstant::before_a_sleep_of(2 * HOUR), false);
        assert!(slept.is_over() && slept.is_over.load(Ordering::Relaxed));
        // The clock has been set right since.
        let set_back = grace(SleepAwareInstant::now(), true);
        assert!(set_back.is_over() && set_back.is_over_at(&SleepAwareInstant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_published_again_starts_anew() {
        let key = TestKey::new();
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]));
        let without = first.followed_by(set(&[key.jwk("K2")]), HOUR);
        tokio::time::advance(HOUR / 2).await;
        let again = without.followed_by(set(&[key.jwk("K1"), key.jwk("K2")]), HOUR);
        assert_eq!((again.len(), again.removed()), (2, 0));
        let without = again.followed_by(set(&[key.jwk("K2")]), HOUR);
        tokio::time::advance(HOUR).await;
        assert!(without.find("K1").is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_newer_set_says_about_a_name_is_believed_at_once() {
        let (old, new, other) = (TestKey::new(), TestKey::new(), TestKey::new());
        let first = Snapshot::new(set(&[old.jwk("K1"), other.jwk("K2")]));
        let replaced = first.followed_by(set(&[new.jwk("K1"), other.jwk("K2")]), HOUR);
        assert!(replaced.find("K1") == set(&[new.jwk("K1")]).find("K1"));
        let mut useless = old.jwk("K1");
        useless["d"] = json!("AQAB");
        for keys in [vec![useless, other.jwk("K2")], vec![old.jwk("K1"), new.jwk("K1"), other.jwk("K2")]] {
            assert!(first.followed_by(set(&keys), HOUR).find("K1").is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_grace_a_key_ends_with_the_fetch_that_lacks_it() {
        let key = TestKey::new();
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]));
        assert!(first.followed_by(set(&[key.jwk("K2")]), Duration::ZERO).find("K1").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn the_generation_is_another_one_whenever_a_key_comes_changes_or_ends() {
        let (key, other) = (TestKey::new(), TestKey::new());
        let one = Snapshot::new(set(&[key.jwk("K1")]));
        let same = one.followed_by(set(&[key.jwk("K1")]), HOUR);
        assert_eq!(one.generation(), same.generation());
        let more = same.followed_by(set(&[key.jwk("K1"), key.jwk("K2")]), HOUR);
        let changed = more.followed_by(set(&[other.jwk("K1"), key.jwk("K2")]), HOUR);
        let mut of_other_issuer = key.jwk("K2");
        of_other_issuer["issuer"] = json!("https://login.example/other");
        let moved = changed.followed_by(set(&[other.jwk("K1"), of_other_issuer]), HOUR);
        let less = moved.followed_by(set(&[key.jwk("K2")]), HOUR);
        let mut generations = [&same, &more, &changed, &moved, &less].map(Snapshot::generation).to_vec();
        tokio::time::advance(HOUR + Duration::from_millis(1)).await;
        generations.push(less.generation());
        generations.push(less.followed_by(set(&[key.jwk("K2")]), HOUR).generation());
        assert!(generations.is_sorted_by(|a, b| a < b), "{generations:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_authority_that_always_publishes_other_keys_costs_bounded_memory() {
        let key = TestKey::new();
        let mut snapshot = Snapshot::new(set(&[key.jwk("K1")]));
        for round in 0..3 {
            let keys: Vec<_> = (0..MAX_KEYS).map(|number| key.jwk(&format!("{round}-{number}"))).collect();
            snapshot = snapshot.followed_by(set(&keys), HOUR);
        }
        assert_eq!((snapshot.len(), snapshot.removed()), (MAX_KEYS, MAX_KEYS));
    }
}
