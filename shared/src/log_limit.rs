//! Limits repeated log lines, so that a flood of them cannot fill the disk.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

/// Counts the lines of each key since the last summary, and allows the first few of them.
///
/// Keys must be few, such as a program's own reason codes, or limited by [`Self::with_max_keys`].
#[derive(Debug)]
pub struct LogLimit<K> {
    lines: u64,
    max_keys: usize,
    shared_key: fn(K) -> K,
    counts: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash> LogLimit<K> {
    /// Allows this many lines of each key between two summaries.
    #[must_use]
    pub fn new(lines: u64) -> Self {
        Self { lines, max_keys: usize::MAX, shared_key: |key| key, counts: Mutex::default() }
    }

    /// Counts at most `max_keys` keys separately between two summaries; `shared_key` maps further ones to fewer keys.
    #[must_use]
    pub fn with_max_keys(self, max_keys: usize, shared_key: fn(K) -> K) -> Self {
        Self { max_keys, shared_key, ..self }
    }

    /// Counts a line; returns whether to write it.
    pub fn allows(&self, key: K) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let is_counted = counts.len() < self.max_keys || counts.contains_key(&key);
        let key = if is_counted { key } else { (self.shared_key)(key) };
        let count = counts.entry(key).or_default();
        *count += 1;
        *count <= self.lines
    }

    /// Returns how many lines of each key were suppressed since the last call, without the keys that had none.
    pub fn take_suppressed(&self) -> impl Iterator<Item = (K, u64)> {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        let lines = self.lines;
        counts.into_iter().filter_map(move |(key, count)| (count > lines).then(|| (key, count - lines)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_with_one_key_is_cut_off_and_counted_and_other_keys_are_not_affected() {
        let limit = LogLimit::new(20);
        let written = (0..10_000).filter(|_| limit.allows("token_malformed")).count();
        assert_eq!(written, 20);
        assert!(limit.allows("token_expired"));
        assert_eq!(limit.take_suppressed().collect::<Vec<_>>(), [("token_malformed", 9_980)]);
        assert_eq!(limit.take_suppressed().count(), 0);
        assert!(limit.allows("token_malformed"));
    }

    #[test]
    fn keys_beyond_the_most_share_one_count() {
        let limit = LogLimit::new(20).with_max_keys(1000, |_| u64::MAX);
        let written = (0..10_000).filter(|key| limit.allows(*key)).count();
        assert_eq!(written, 1020);
        assert!(limit.allows(1));
        assert_eq!(limit.take_suppressed().collect::<Vec<_>>(), [(u64::MAX, 10_000 - 1020)]);
    }
}
