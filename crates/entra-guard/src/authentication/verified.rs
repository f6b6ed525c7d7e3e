//! Tokens that were verified already.
//!
//! Verifying costs a hundred times what comparing does, and a client sends the same token for an hour. What is kept
//! is who a token names, never what they may do; and never that a token was refused.
//!
//! Only the identical token is found: tokens are looked up by a keyed hash, and then compared as a whole. The
//! comparison ends at the first difference, which tells nothing: nobody without the key of the hash knows of a
//! text that is compared with a given token at all, apart from one with the end of that very token.

mod headers;
mod shard;

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entra_shared::settings::KeyProblem;
use secrecy::SecretString;
use serde::Deserialize;

use super::Caller;
use headers::Headers;
use shard::{Entry, Shard};

/// What a token takes of the memory on average, in bytes: Entra's are 1,300 long, and 400 go for the caller.
const AVERAGE_BYTES: usize = 1_800;

/// How much of a token is hashed, in bytes: 384 bits of its signature.
const HASHED: usize = 64;

/// The longest token that is kept, in bytes: it takes the room of several, and verifying it now and then does not hurt.
const LONGEST: usize = 8 * 1024;

/// The most tokens that can be asked for: with 1.8 GB.
const LARGEST_CAPACITY: u32 = 1_000_000;

/// The most shards, so that threads seldom wait for each other.
const MAX_SHARDS: usize = 64;

/// How many tokens a shard has room for at least, so that shards fill evenly.
const MIN_TOKENS_A_SHARD: usize = 64;

/// Section `[verified_tokens]`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifiedTokenSettings {
    /// How many verified tokens are kept; 0 for none.
    pub capacity: u32,
}

impl Default for VerifiedTokenSettings {
    /// 10 000 tokens.
    fn default() -> Self {
        Self { capacity: 10_000 }
    }
}

impl VerifiedTokenSettings {
    /// Looks at the settings as a whole.
    ///
    /// # Errors
    /// More than fits into memory.
    pub fn check(&self) -> Result<(), KeyProblem> {
        if self.capacity > LARGEST_CAPACITY {
            return Err(KeyProblem::new("verified_tokens.capacity", "must be at most 1000000"));
        }
        Ok(())
    }
}

/// The verified tokens. Bounded in number and in bytes, whichever comes first.
pub(super) struct VerifiedTokens {
    shards: Box<[Mutex<Shard>]>,
    headers: Headers,
    hasher: RandomState,
    capacity: usize,
    tokens: AtomicUsize,
    bytes: AtomicUsize,
}

/// What is known of a verified token.
#[derive(Debug, Clone)]
pub(super) struct Verified {
    pub(super) caller: Arc<Caller>,
    /// The times at which the token is accepted, in seconds since 1970.
    pub(super) validity: Range<i64>,
    /// That of the key set with one of whose keys it was verified.
    pub(super) generation: u64,
}

/// What there is to report about the verified tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifiedTokenStatus {
    /// How many are kept.
    pub tokens: usize,
    /// How often a token was found.
    pub hits: u64,
    /// How often a token was not found, or no longer counted.
    pub misses: u64,
}

impl VerifiedTokens {
    pub(super) fn new(settings: VerifiedTokenSettings) -> Self {
        let capacity = usize::try_from(settings.capacity).unwrap_or(usize::MAX);
        let shards = match capacity {
            0 => 0,
            _ => (capacity / MIN_TOKENS_A_SHARD).clamp(1, MAX_SHARDS),
        };
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            headers: Headers::default(),
            hasher: RandomState::new(),
            capacity,
            tokens: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    /// Who the token names, if it was verified with a key set of this generation and is accepted now.
    pub(super) fn find(&self, token: &[u8], generation: u64, now: i64) -> Option<Arc<Caller>> {
        let hash = self.hash(token)?;
        let mut shard = self.shard(hash)?;
        let found = shard.find(hash).filter(|entry| entry.is(token)).map(|entry| entry.verified.clone());
        let current = found.filter(|verified| !verified.has_ended(generation, now));
        // A clock that was set back: the token may not be valid yet.
        let accepted = current.filter(|verified| verified.validity.contains(&now));
        shard.count(accepted.is_some());
        accepted.map(|verified| verified.caller)
    }

    /// Keeps a token, for which others may have to go.
    pub(super) fn keep(&self, token: &str, verified: Verified, now: i64) {
        if token.len() > LONGEST {
            return;
        }
        let Some(hash) = self.hash(token.as_bytes()) else { return };
        let Some(mut shard) = self.shard(hash) else { return };
        let (header, rest) = token.split_at(token.find('.').unwrap_or_default());
        let generation = verified.generation;
        let entry =
            Entry { hash, header: self.headers.share(header), rest: SecretString::from(rest), verified };
        self.count_in(entry.bytes());
        // One token that was verified twice at once, or came back after its time.
        self.count_out(shard.remove(hash));
        // Those that have ended go bit by bit, also where nothing is full.
        for _ in 0..2 {
            let place = self.draw(&mut shard);
            self.count_out(shard.remove_ended(place, generation, now));
        }
        while self.is_over_full() {
            let (one, other) = (self.draw(&mut shard), self.draw(&mut shard));
            let Some(removed) = shard.remove_sooner(one, other) else { break };
            self.count_out(Some(removed));
        }
        if self.is_over_full() {
            self.count_out(Some(entry.bytes()));
        } else {
            shard.insert(entry);
        }
    }

    /// What there is to report.
    pub(super) fn status(&self) -> VerifiedTokenStatus {
        let tokens = self.tokens.load(Ordering::Relaxed);
        let none = VerifiedTokenStatus { tokens, ..VerifiedTokenStatus::default() };
        self.shards.iter().map(lock).fold(none, |status, shard| VerifiedTokenStatus {
            hits: status.hits + shard.hits,
            misses: status.misses + shard.misses,
            ..status
        })
    }

    /// Keyed, by `SipHash` with a key of this process. Of the signature's end alone: no two messages that were verified
    /// have that in common, and whoever sends it with another message finds what is compared with it and differs.
    /// None where nothing is kept.
    fn hash(&self, token: &[u8]) -> Option<u64> {
        if self.shards.is_empty() {
            return None;
        }
        let end = token.get(token.len().saturating_sub(HASHED)..).unwrap_or_default();
        let mut hasher = self.hasher.build_hasher();
        hasher.write(end);
        Some(hasher.finish())
    }

    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard>> {
        // The upper half, since the shard's own table goes by the lower one.
        let place = usize::try_from(hash >> 32).ok()?.checked_rem(self.shards.len())?;
        self.shards.get(place).map(lock)
    }

    /// A place in the shard that nobody can foresee.
    fn draw(&self, shard: &mut Shard) -> usize {
        let number = self.hasher.hash_one(shard.next_draw());
        usize::try_from(number >> 32).unwrap_or_default().checked_rem(shard.len()).unwrap_or_default()
    }

    fn is_over_full(&self) -> bool {
        self.tokens.load(Ordering::Relaxed) > self.capacity
            || self.bytes.load(Ordering::Relaxed) > self.capacity.saturating_mul(AVERAGE_BYTES)
    }

    fn count_in(&self, bytes: usize) {
        self.tokens.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn count_out(&self, removed: Option<usize>) {
        if let Some(bytes) = removed {
            self.tokens.fetch_sub(1, Ordering::Relaxed);
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }
}

impl Verified {
    /// Whether it will never count again.
    fn has_ended(&self, generation: u64, now: i64) -> bool {
        self.generation != generation || now >= self.validity.end
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    // Nothing that holds the lock can leave it half changed.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
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
        tokens.keep("a.b.c", verified(), 50);
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
        // As long as what is hashed, so that all but the last five have the hash of the one that is kept.
        let end = "c".repeat(HASHED);
        tokens.keep(&format!("a.b.s{end}"), verified(), 50);
        for other in ["", "s", ".s", "b.s", "x.b.s", "a.x.s", "a.b.S", "aa.b.s", ".b.s", "a.b.ss"] {
            assert!(tokens.find(format!("{other}{end}").as_bytes(), 1, 50).is_none(), "{other}");
        }
        for other in ["", "a.b.s", "a.b.sc", &format!("a.b.s{end}c"), &format!("a.b.s{end} ")] {
            assert!(tokens.find(other.as_bytes(), 1, 50).is_none(), "{other}");
        }
        // Two messages under one signature, as a collision of the hash would be: the later one stands.
        let [one, other] = ["a.b", "a.x"].map(|message| format!("{message}.{}", "c".repeat(HASHED)));
        tokens.keep(&one, verified(), 50);
        tokens.keep(&other, verified(), 50);
        assert!(tokens.find(one.as_bytes(), 1, 50).is_none());
        assert!(tokens.find(other.as_bytes(), 1, 50).is_some());
        assert_eq!(tokens.status().tokens, 1);
    }

    #[test]
    fn the_caller_is_shared_and_not_copied() {
        let tokens = tokens(10);
        let kept = verified();
        tokens.keep("a.b.c", kept.clone(), 50);
        assert!(Arc::ptr_eq(&tokens.find(b"a.b.c", 1, 50).unwrap(), &kept.caller));
    }

    #[test]
    fn there_are_never_more_tokens_than_the_capacity() {
        for capacity in [0, 1, 2, 63, 64, 200, 1000] {
            let tokens = tokens(capacity);
            let capacity = usize::try_from(capacity).unwrap();
            for number in 0..capacity {
                tokens.keep(&token(number), verified(), 50);
            }
            assert_eq!(tokens.status().tokens, capacity, "as many as there is room for");
            assert!((0..capacity).all(|number| tokens.find(token(number).as_bytes(), 1, 50).is_some()));
            for number in 0..3 * capacity + 10 {
                tokens.keep(&token(number), verified(), 50);
                assert!(tokens.status().tokens <= capacity);
            }
            let found =
                (0..3 * capacity + 10).filter(|n| tokens.find(token(*n).as_bytes(), 1, 50).is_some()).count();
            assert_eq!(found, tokens.status().tokens);
            assert_eq!(tokens.shards.iter().map(|shard| lock(shard).len()).sum::<usize>(), found);
        }
    }

    #[test]
    fn long_tokens_take_the_room_of_several() {
        let tokens = tokens(100);
        let long = |number: usize| format!("A.{}.{number}", "B".repeat(LONGEST - 10));
        for number in 0..100 {
            tokens.keep(&long(number), verified(), 50);
            assert!(tokens.bytes.load(Ordering::Relaxed) <= 100 * AVERAGE_BYTES);
        }
        assert!((10..=25).contains(&tokens.status().tokens), "{:?}", tokens.status());
        let too_long = format!("A.{}.x", "B".repeat(LONGEST));
        tokens.keep(&too_long, verified(), 50);
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
                    tokens.keep(&token, verified(), 50);
                }
                found += usize::from(hit && round >= 10);
            }
        }
        // Throwing out the oldest would find none.
        assert!(found > 7_000, "{found} of 11000");
    }

    #[test]
    fn what_has_ended_makes_room_before_what_has_not() {
        let tokens = tokens(64);
        for number in 0..32 {
            tokens.keep(&token(number), Verified { validity: 0..60, ..verified() }, 50);
        }
        for number in 32..400 {
            tokens.keep(&token(number), verified(), 70);
        }
        let ended = (0..32).filter(|n| tokens.find(token(*n).as_bytes(), 1, 50).is_some()).count();
        assert_eq!(ended, 0);
        assert_eq!(tokens.status().tokens, 64);
    }

    #[test]
    fn what_has_ended_goes_bit_by_bit_also_where_there_is_room() {
        // One shard, which never fills.
        let [expired, other_keys] = [(60, 1), (100, 0)].map(|(end, generation)| {
            let tokens = tokens(127);
            for number in 0..32 {
                tokens.keep(&token(number), Verified { validity: 0..end, generation, ..verified() }, 50);
            }
            for number in 32..120 {
                tokens.keep(&token(number), verified(), 70);
            }
            tokens.status().tokens
        });
        // Two places are looked at for each that comes; more than a few are left once in many millions of times.
        assert!((88..100).contains(&expired) && (88..100).contains(&other_keys), "{expired} {other_keys}");
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
                            tokens.keep(&token, verified(), 50);
                        }
                    }
                });
            }
        });
        let kept = tokens.shards.iter().map(|shard| lock(shard).len()).sum::<usize>();
        assert_eq!(tokens.status().tokens, kept);
        assert!(kept <= 500);
        let bytes: usize = tokens.shards.iter().map(|shard| lock(shard).bytes()).sum();
        assert_eq!(tokens.bytes.load(Ordering::Relaxed), bytes);
    }

    #[test]
    fn no_debug_shows_a_token() {
        let tokens = tokens(1);
        tokens.keep("canary.canary.canary", verified(), 50);
        assert!(!format!("{tokens:?} {:?}", lock(tokens.shards.first().unwrap())).contains("canary"));
    }
}
