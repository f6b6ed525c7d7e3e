//! A part of the verified tokens, under one lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use secrecy::{ExposeSecret, SecretString};

use super::Verified;

/// What an entry takes beside its texts, in bytes: the caller, the places in the tables, the allocator's.
const FIXED_BYTES: usize = 400;

/// What a role takes beside its text, in bytes.
const ROLE_BYTES: usize = 40;

/// Tokens in no order, and where each stands.
///
/// In a list, so that one can be drawn at random.
#[derive(Debug, Default)]
pub(super) struct Shard {
    entries: Vec<Entry>,
    places: HashMap<u64, usize, RandomState>,
    draws: u64,
    pub(super) hits: u64,
    pub(super) misses: u64,
}

/// A token and what is known of it.
pub(super) struct Entry {
    pub(super) hash: u64,
    /// The token's first segment, which others have in common.
    pub(super) header: Arc<str>,
    /// The rest of the token: a secret as any other, which is overwritten when it goes.
    pub(super) rest: SecretString,
    pub(super) verified: Verified,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn find(&self, hash: u64) -> Option<&Entry> {
        self.entries.get(*self.places.get(&hash)?)
    }

    /// Puts an entry in whose hash is not there.
    pub(super) fn insert(&mut self, entry: Entry) {
        self.places.insert(entry.hash, self.entries.len());
        self.entries.push(entry);
    }

    /// Takes out the entry of this hash; returns its bytes, as the others do that take one out.
    pub(super) fn remove(&mut self, hash: u64) -> Option<usize> {
        let place = self.places.remove(&hash)?;
        let removed = self.entries.swap_remove(place);
        if let Some(moved) = self.entries.get(place) {
            self.places.insert(moved.hash, place);
        }
        Some(removed.bytes())
    }

    /// Takes out the entry at this place if it will never count again.
    pub(super) fn remove_ended(&mut self, place: usize, generation: u64, now: i64) -> Option<usize> {
        let entry = self.entries.get(place)?;
        if entry.verified.has_ended(generation, now) { self.remove(entry.hash) } else { None }
    }

    /// Takes out that one of two entries whose token expires sooner: its client will have a new one sooner.
    pub(super) fn remove_sooner(&mut self, one: usize, other: usize) -> Option<usize> {
        let entries = [one, other].into_iter().filter_map(|place| self.entries.get(place));
        let sooner = entries.min_by_key(|entry| entry.verified.validity.end)?;
        self.remove(sooner.hash)
    }

    /// A number that no other draw has.
    pub(super) fn next_draw(&mut self) -> u64 {
        self.draws = self.draws.wrapping_add(1);
        self.draws
    }

    pub(super) fn count(&mut self, hit: bool) {
        let counter = if hit { &mut self.hits } else { &mut self.misses };
        *counter = counter.wrapping_add(1);
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.entries.iter().map(Entry::bytes).sum()
    }
}

impl Entry {
    /// Whether it is of this very token.
    pub(super) fn is(&self, token: &[u8]) -> bool {
        let rest = token.strip_prefix(self.header.as_bytes());
        rest.is_some_and(|rest| rest == self.rest.expose_secret().as_bytes())
    }

    /// What it takes of the memory at most, in bytes: as if its header were its own.
    pub(super) fn bytes(&self) -> usize {
        let token = self.header.len() + self.rest.expose_secret().len();
        let roles: usize = self.verified.caller.roles().iter().map(|role| role.len() + ROLE_BYTES).sum();
        token + roles + FIXED_BYTES
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").finish_non_exhaustive()
    }
}
