//! The names that the newest key set is known not to hold.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long a name is remembered: a client that keeps sending one token costs one fetch in that time, and a key that
/// Entra's servers do not all publish yet is asked for again before long.
pub(super) const MEMORY: Duration = Duration::from_secs(30);

/// The most names that are remembered: 64 KiB of them.
const MAX_NAMES: usize = 256;

/// Names for which a fetch has brought no key.
///
/// It only spares fetches. A name that finds no room is treated like any other unknown name, so a flood that fills it
/// keeps nobody out; and a key that has been fetched is found whether or not its name stands here.
#[derive(Debug, Default)]
pub(super) struct UnknownKeys(HashMap<String, Instant>);

impl UnknownKeys {
    /// Remembers a name, if there is room.
    pub(super) fn remember(&mut self, key_id: &str, now: Instant) {
        if self.0.len() >= MAX_NAMES {
            self.0.retain(|_, until| now < *until);
        }
        if self.0.len() < MAX_NAMES {
            self.0.insert(key_id.to_owned(), now + MEMORY);
        }
    }

    /// Whether a fetch has brought no key of this name a moment ago.
    pub(super) fn contains(&self, key_id: &str, now: Instant) -> bool {
        self.0.get(key_id).is_some_and(|until| now < *until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_for_a_while_and_a_flood_pushes_none_out() {
        let start = Instant::now();
        let mut unknown = UnknownKeys::default();
        unknown.remember("first", start);
        for number in 0..10 * MAX_NAMES {
            unknown.remember(&number.to_string(), start);
        }
        assert!(unknown.contains("first", start));
        assert!(!unknown.contains("second", start));
        assert_eq!(unknown.0.len(), MAX_NAMES);
        assert!(!unknown.contains("first", start + MEMORY));
        // What is over makes room.
        unknown.remember("second", start + MEMORY);
        assert_eq!(unknown.0.len(), 1);
    }
}
