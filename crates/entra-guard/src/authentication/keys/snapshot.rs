//! The keys that requests use: the newest key set, and removed keys in their grace period.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::key_set::{KeySet, MAX_KEYS};
use super::sleep_aware::SleepAwareInstant;
use super::{KeyError, SigningKey};

/// The keys after a fetch; immutable.
///
/// Entra once removed a key by mistake and restored it hours later. So a key that is missing in a newer set stays
/// usable for a grace period. If a newer set has a different or an unusable key with the same id, the old key is
/// dropped at once.
#[derive(Debug)]
pub(super) struct Snapshot {
    published: KeySet,
    removed: HashMap<Arc<str>, RemovedKey>,
    generation: u64,
}

/// A key that is no longer published.
#[derive(Debug, Clone)]
struct RemovedKey {
    key: Arc<SigningKey>,
    grace: Arc<Grace>,
}

/// The grace period of the keys that one fetch found to be removed.
#[derive(Debug)]
struct Grace {
    last_published: SleepAwareInstant,
    limit: Duration,
    /// Whether the period is over. It stays set, so that a clock that is set back does not restore a key.
    is_over: AtomicBool,
}

impl Snapshot {
    /// Creates the snapshot of the first fetch.
    pub(super) fn new(published: KeySet) -> Self {
        Self { published, removed: HashMap::new(), generation: 1 }
    }

    /// Returns the snapshot after another fetch returned `published`.
    pub(super) fn followed_by(&self, published: KeySet, grace: Duration) -> Self {
        let grace = Arc::new(Grace {
            last_published: self.published.fetched_at,
            limit: grace,
            is_over: AtomicBool::new(false),
        });
        let gone_now = self.published.keys.iter().filter_map(|(name, key)| {
            Some((Arc::clone(name), RemovedKey { key: key.clone()?, grace: Arc::clone(&grace) }))
        });
        let gone_before = self.removed.iter().map(|(name, removed)| (Arc::clone(name), removed.clone()));
        let removed: HashMap<_, _> = gone_now
            .chain(gone_before)
            .filter(|(name, _)| !published.keys.contains_key(name))
            .filter(|(_, removed)| !removed.grace.is_over_at(published.fetched_at))
            .take(MAX_KEYS)
            .collect();
        let is_unchanged = self.removed.is_empty() && self.published.keys == published.keys;
        // One more than the generation will be once every grace period is over.
        let next = self.generation + self.removed.len() as u64 + 1;
        Self { published, removed, generation: if is_unchanged { self.generation } else { next } }
    }

    /// Returns the key with exactly this id; an error if it is published but unusable, and `None` if a newer set may
    /// have it.
    pub(super) fn find(&self, key_id: &str) -> Option<Result<Arc<SigningKey>, KeyError>> {
        if let Some(published) = self.published.keys.get(key_id) {
            return Some(published.clone().ok_or(KeyError::Unknown));
        }
        let removed = self.removed.get(key_id).filter(|removed| !removed.grace.is_over())?;
        Some(Ok(Arc::clone(&removed.key)))
    }

    /// Returns a number that changes whenever a key is added, changed or removed.
    ///
    /// The number also changes when a grace period ends, without a timer.
    pub(super) fn generation(&self) -> u64 {
        self.generation + (self.removed.len() - self.removed()) as u64
    }

    /// Number of published keys.
    pub(super) fn len(&self) -> usize {
        self.published.len()
    }

    /// Number of removed keys in their grace period.
    pub(super) fn removed(&self) -> usize {
        self.removed.values().filter(|removed| !removed.grace.is_over()).count()
    }

    /// Time since the keys were fetched.
    pub(super) fn age(&self) -> Duration {
        self.published.fetched_at.elapsed()
    }
}

impl Grace {
    /// Returns whether the period is over. It is called for every request while there are removed keys.
    fn is_over(&self) -> bool {
        if self.last_published.elapsed() > self.limit {
            self.is_over.store(true, Ordering::Relaxed);
        }
        self.is_over.load(Ordering::Relaxed)
    }

    /// Returns whether the period was over when a set was parsed. A period of zero is over at once.
    fn is_over_at(&self, parsed_at: SleepAwareInstant) -> bool {
        self.is_over.load(Ordering::Relaxed) || parsed_at.since(self.last_published) >= self.limit
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

    fn has(snapshot: &Snapshot, key_id: &str) -> bool {
        matches!(snapshot.find(key_id), Some(Ok(_)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_removed_key_ends_an_hour_after_it_was_last_published() {
        let key = TestKey::new();
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]));
        tokio::time::advance(HOUR / 2).await;
        let second = first.followed_by(set(&[key.jwk("K2")]), HOUR);
        assert!(has(&second, "K1") && has(&second, "K2"));
        assert_eq!((second.len(), second.removed()), (1, 1));
        tokio::time::advance(HOUR / 2).await;
        let third = second.followed_by(set(&[key.jwk("K2")]), HOUR);
        assert!(has(&second, "K1"));
        assert!(!has(&third, "K1"));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!has(&second, "K1") && has(&second, "K2"));
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
        assert!(has(&usable, "K1") && !has(&ended, "K1"));
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
        assert!(set_back.is_over() && set_back.is_over_at(SleepAwareInstant::now()));
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
        assert!(has(&without, "K1"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_newer_set_says_about_a_name_is_believed_at_once() {
        let (old, new, other) = (TestKey::new(), TestKey::new(), TestKey::new());
        let first = Snapshot::new(set(&[old.jwk("K1"), other.jwk("K2")]));
        let replaced = first.followed_by(set(&[new.jwk("K1"), other.jwk("K2")]), HOUR);
        assert!(replaced.find("K1").unwrap().ok() == set(&[new.jwk("K1")]).find("K1"));
        let mut useless = old.jwk("K1");
        useless["d"] = json!("AQAB");
        for keys in [vec![useless, other.jwk("K2")], vec![old.jwk("K1"), new.jwk("K1"), other.jwk("K2")]] {
            assert!(!has(&first.followed_by(set(&keys), HOUR), "K1"));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_grace_a_key_ends_with_the_fetch_that_lacks_it() {
        let key = TestKey::new();
        let first = Snapshot::new(set(&[key.jwk("K1"), key.jwk("K2")]));
        assert!(!has(&first.followed_by(set(&[key.jwk("K2")]), Duration::ZERO), "K1"));
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
