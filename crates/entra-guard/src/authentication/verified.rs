//! Cache of verified tokens.
//!
//! Verifying a token costs a hundred times what a comparison does, and a client sends the same token for an hour. An
//! entry holds who a token names, never what they may do, and never that a token was refused.
//!
//! Only the identical token is found: the lookup goes by a keyed hash, then compares the whole token. The comparison is
//! not constant-time. That leaks nothing: without the hash key, only a text that ends like a cached token reaches it.

mod entry;
mod headers;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use entra_shared::settings::KeyProblem;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use serde::Deserialize;

use super::Caller;
use entry::Entry;
use headers::Headers;

/// Average memory of a cached token, in bytes: 1,300 for a token of Entra, 400 for its caller.
const AVERAGE_BYTES: u64 = 1_800;

/// How much of a token is hashed, in bytes: the last 384 bits of its signature.
const HASHED_BYTES: usize = 64;

/// The longest token that is cached, in bytes; a longer one is verified each time.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The largest capacity, which takes 1.8 GB.
const MAX_CAPACITY: u32 = 1_000_000;

/// Tokens per shard, so that shards fill evenly and threads seldom wait for each other.
const TOKENS_PER_SHARD: usize = 1024;

/// The share of the cache for tokens that were used more than once. No single token may be larger than this share.
const HOT_SHARE: f64 = 0.97;

/// The smallest capacity for which [`HOT_SHARE`] applies. In a smaller cache, a single token may take all of it.
const MIN_CAPACITY_WITH_SHARES: usize = 64;

/// The share of the capacity for hashes of evicted tokens, by which the cache resists scans.
const GHOST_SHARE: f64 = 0.25;

/// Seconds between sweeps, each of which removes all expired tokens.
const SWEEP_INTERVAL: i64 = 60;

/// Section `[verified_tokens]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedTokenSettings {
    /// How many verified tokens are cached; 0 for none. At most 1,000,000.
    pub capacity: u32,
}

impl Default for VerifiedTokenSettings {
    /// 10 000 tokens.
    fn default() -> Self {
        Self { capacity: 10_000 }
    }
}

impl VerifiedTokenSettings {
    /// Checks the settings.
    ///
    /// # Errors
    /// The capacity is too large.
    pub fn check(&self) -> Result<(), KeyProblem> {
        if self.capacity > MAX_CAPACITY {
            return Err(KeyProblem::new("verified_tokens.capacity", "must be at most 1000000"));
        }
        Ok(())
    }
}

/// The verified tokens, bounded in number and in bytes.
pub(super) struct VerifiedTokens {
    /// The entries, by the keyed hash of the token's end.
    cache: Entries,
    headers: Headers,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
    /// When expired tokens are removed next, in seconds since 1970.
    next_sweep: AtomicI64,
}

type Entries = Cache<u64, Arc<Entry>, ByBytes, foldhash::fast::RandomState>;

/// A verified token's caller, and how long and under which keys the verification counts.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) caller: Arc<Caller>,
    /// When the token is accepted, in seconds since 1970.
    pub(super) validity: Range<i64>,
    /// The generation of the keys it was verified with.
    pub(super) generation: u64,
}

/// The state of the cache of verified tokens, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifiedTokenStatus {
    /// Number of cached tokens.
    pub tokens: usize,
    /// Lookups that found a token.
    pub hits: u64,
    /// Lookups that found no token, or one whose verification no longer counts.
    pub misses: u64,
}

impl VerifiedTokens {
    pub(super) fn new(settings: VerifiedTokenSettings) -> Self {
        let capacity = usize::try_from(settings.capacity).unwrap_or(usize::MAX);
        Self {
            cache: entries(capacity),
            headers: Headers::default(),
            hasher: RandomState::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            next_sweep: AtomicI64::new(0),
        }
    }

    /// Returns the caller that the token names, if it was verified with this generation of keys and is accepted now.
    pub(super) fn find(&self, token: &[u8], generation: u64, now: i64) -> Option<Arc<Caller>> {
        let found = self.cache.get(&self.hash(token)).filter(|entry| entry.holds(token));
        let accepted = found.filter(|entry| entry.verified.counts(generation, now));
        let counter = if accepted.is_some() { &self.hits } else { &self.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        accepted.map(|entry| Arc::clone(&entry.verified.caller))
    }

    /// Caches a token, which may evict others.
    pub(super) fn insert(&self, token: &str, verified: Verified, now: i64) {
        if token.len() > MAX_TOKEN_BYTES {
            return;
        }
        let generation = verified.generation;
        let (header, rest) = token.split_at(token.find('.').unwrap_or_default());
        let entry = Entry::new(self.headers.intern(header), rest, verified);
        self.cache.insert(self.hash(token.as_bytes()), Arc::new(entry));
        if self.is_time_to_sweep(now) {
            self.cache.retain(|_, entry| !entry.verified.has_ended(generation, now));
        }
    }

    /// Returns the state of the cache.
    pub(super) fn status(&self) -> VerifiedTokenStatus {
        VerifiedTokenStatus {
            tokens: self.cache.len(),
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    /// Hashes the end of the token with `SipHash`, under a key of this process.
    ///
    /// The end is part of the signature, so two verified tokens never share it.
    fn hash(&self, token: &[u8]) -> u64 {
        let end = token.get(token.len().saturating_sub(HASHED_BYTES)..).unwrap_or_default();
        let mut hasher = self.hasher.build_hasher();
        hasher.write(end);
        hasher.finish()
    }

    /// Returns true once per interval, to one thread. Returns true as well if the clock was set back.
    fn is_time_to_sweep(&self, now: i64) -> bool {
        let next = self.next_sweep.load(Ordering::Relaxed);
        let is_due = now >= next || next.saturating_sub(now) > SWEEP_INTERVAL;
        let later = now.saturating_add(SWEEP_INTERVAL);
        is_due && self.next_sweep.compare_exchange(next, later, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn entries(capacity: usize) -> Entries {
    let weight = u64::try_from(capacity).unwrap_or(u64::MAX).saturating_mul(AVERAGE_BYTES);
    let hasher = foldhash::fast::RandomState::default();
    let mut options = OptionsBuilder::new();
    options
        .shards((capacity / TOKENS_PER_SHARD).max(1))
        .estimated_items_capacity(capacity)
        .weight_capacity(weight)
        .ghost_allocation(GHOST_SHARE)
        .hot_allocation(if capacity < MIN_CAPACITY_WITH_SHARES { 1.0 } else { HOT_SHARE });
    #[expect(clippy::expect_used, reason = "both capacities are given")]
    let options = options.build().expect("both capacities are given");
    Cache::with_options(options, ByBytes, hasher, DefaultLifecycle::default())
}

/// Gives each entry its size in bytes as its weight, but at least the average size. So neither the number of entries
/// nor their bytes exceed the capacity.
#[derive(Clone)]
struct ByBytes;

impl Weighter<u64, Arc<Entry>> for ByBytes {
    fn weight(&self, _: &u64, entry: &Arc<Entry>) -> u64 {
        (entry.bytes() as u64).max(AVERAGE_BYTES)
    }
}

impl Verified {
    /// Returns whether the verification still counts, so that the token is accepted now.
    fn counts(&self, generation: u64, now: i64) -> bool {
        self.generation == generation && self.validity.contains(&now)
    }

    /// Returns whether the token will never be accepted again.
    fn has_ended(&self, generation: u64, now: i64) -> bool {
        self.generation != generation || now >= self.validity.end
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").field("status", &self.status()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::test_token::caller;

    fn tokens(capacity: u32) -> VerifiedTokens {
        VerifiedTokens::new(VerifiedTokenSettings { capacity })
    }

    fn verified() -> Verified {
        Verified { caller: Arc::new(caller()), validity: 0..100, generation: 1 }
    }

    /// A token of Entra's length.
    fn token(number: usize) -> String {
        format!("{}.{}.{number:0342}", "A".repeat(90), "B".repeat(820))
    }

    #[test]
    fn a_token_is_found_while_it_and_its_key_set_count() {
        let tokens = tokens(10);
        assert!(tokens.find(b"a.b.c", 1, 50).is_none());
        tokens.insert("a.b.c", verified(), 50);
        let cases = [(1, 0, true), (1, 99, true), (1, -1, false), (1, 100, false), (1, i64::MAX, false)];
        for (generation, now, found) in cases {
            assert_eq!(tokens.find(b"a.b.c", generation, now).is_some(), found, "{generation} {now}");
        }
        for generation in [0, 2, u64::MAX] {
            assert!(tokens.find(b"a.b.c", generation, 50).is_none(), "{generation}");
        }
        assert_eq!(tokens.status(), VerifiedTokenStatus { tokens: 1, hits: 2, misses: 7 });
    }

    #[test]
    fn only_the_identical_token_is_found() {
        let tokens = tokens(10);
        // As long as what is hashed, so all but the last five share the hash of the cached token.
        let end = "c".repeat(HASHED_BYTES);
        tokens.insert(&format!("a.b.s{end}"), verified(), 50);
        for other in ["", "s", ".s", "b.s", "x.b.s", "a.x.s", "a.b.S", "aa.b.s", ".b.s", "a.b.ss"] {
            assert!(tokens.find(format!("{other}{end}").as_bytes(), 1, 50).is_none(), "{other}");
        }
        for other in ["", "a.b.s", "a.b.sc", &format!("a.b.s{end}c"), &format!("a.b.s{end} ")] {
            assert!(tokens.find(other.as_bytes(), 1, 50).is_none(), "{other}");
        }
        // Two messages under one signature, as a collision of the hash would be: the later one stands.
        let [one, other] = ["a.b", "a.x"].map(|message| format!("{message}.{}", "c".repeat(HASHED_BYTES)));
        tokens.insert(&one, verified(), 50);
        tokens.insert(&other, verified(), 50);
        assert!(tokens.find(one.as_bytes(), 1, 50).is_none());
        assert!(tokens.find(other.as_bytes(), 1, 50).is_some());
        assert_eq!(tokens.status().tokens, 1);
    }

    #[test]
    fn the_caller_is_shared_and_not_copied() {
        let tokens = tokens(10);
        let kept = verified();
        tokens.insert("a.b.c", kept.clone(), 50);
        assert!(Arc::ptr_eq(&tokens.find(b"a.b.c", 1, 50).unwrap(), &kept.caller));
    }

    #[test]
    fn there_are_never_more_tokens_than_the_capacity() {
        for capacity in [0, 1, 2, 63, 64, 200, 1000, 4096] {
            let tokens = tokens(capacity);
            let capacity = usize::try_from(capacity).unwrap();
            for number in 0..capacity {
                tokens.insert(&token(number), verified(), 50);
            }
            // Several shards do not fill quite evenly.
            let least = if capacity > 2 * TOKENS_PER_SHARD { capacity * 9 / 10 } else { capacity };
            let found = |number: usize| tokens.find(token(number).as_bytes(), 1, 50).is_some();
            assert!((least..=capacity).contains(&tokens.status().tokens), "{capacity} {:?}", tokens.status());
            assert_eq!((0..capacity).filter(|number| found(*number)).count(), tokens.status().tokens);
            for number in 0..3 * capacity + 10 {
                tokens.insert(&token(number), verified(), 50);
                assert!(tokens.status().tokens <= capacity);
            }
            let found = (0..3 * capacity + 10).filter(|number| found(*number)).count();
            assert_eq!(found, tokens.status().tokens);
        }
    }

    #[test]
    fn a_long_token_counts_as_several() {
        let tokens = tokens(100);
        let long = |number: usize| format!("A.{}.{number}", "B".repeat(MAX_TOKEN_BYTES - 10));
        for number in 0..100 {
            tokens.insert(&long(number), verified(), 50);
            assert!(tokens.cache.weight() <= 100 * AVERAGE_BYTES);
        }
        assert!((10..=25).contains(&tokens.status().tokens), "{:?}", tokens.status());
        let too_long = format!("A.{}.x", "B".repeat(MAX_TOKEN_BYTES));
        tokens.insert(&too_long, verified(), 50);
        assert!(tokens.find(too_long.as_bytes(), 1, 50).is_none());
    }

    #[test]
    fn somewhat_more_tokens_in_turn_than_there_is_room_for_are_mostly_found() {
        let tokens = tokens(1000);
        let mut found = 0;
        for round in 0..20 {
            for number in 0..1100 {
                let token = token(number);
                let hit = tokens.find(token.as_bytes(), 1, 50).is_some();
                if !hit {
                    tokens.insert(&token, verified(), 50);
                }
                found += usize::from(hit && round >= 10);
            }
        }
        // Evicting the oldest would find none.
        assert!(found > 7_000, "{found} of 11000");
    }

    #[test]
    fn tokens_that_have_ended_are_removed_within_a_minute() {
        let [expired, other_keys] = [(60, 1), (1000, 0)].map(|(end, generation)| {
            let tokens = tokens(127);
            for number in 0..32 {
                let verified = Verified { validity: 0..end, generation, ..verified() };
                tokens.insert(&token(number), verified, 50);
            }
            for number in 32..64 {
                let verified = Verified { validity: 0..1000, ..verified() };
                tokens.insert(&token(number), verified, 50 + SWEEP_INTERVAL);
            }
            tokens.status().tokens
        });
        assert_eq!((expired, other_keys), (32, 32));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_removal() {
        let tokens = tokens(10);
        assert!(tokens.is_time_to_sweep(1_000_000) && !tokens.is_time_to_sweep(1_000_001));
        assert!(tokens.is_time_to_sweep(50) && !tokens.is_time_to_sweep(51));
    }

    #[test]
    fn threads_do_not_get_into_each_others_way() {
        let tokens = tokens(500);
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let tokens = &tokens;
                scope.spawn(move || {
                    for number in 0..4000 {
                        let token = token((number * 7 + thread) % 900);
                        if tokens.find(token.as_bytes(), 1, 50).is_none() {
                            tokens.insert(&token, verified(), 50);
                        }
                    }
                });
            }
        });
        let found = (0..900).filter(|number| tokens.find(token(*number).as_bytes(), 1, 50).is_some()).count();
        assert_eq!(tokens.status().tokens, found);
        assert!((1..=500).contains(&found), "{found}");
    }

    #[test]
    fn no_debug_shows_a_token() {
        let tokens = tokens(1);
        tokens.insert("canary.canary.canary", verified(), 50);
        assert!(!format!("{tokens:?}").contains("canary"));
    }
}
