//! The names that keys were published under of late.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::key_set::MAX_KEYS;

/// How long a name is familiar, from when it was last published: servers of one authority that do not publish the same
/// keys take turns many times in it.
const MEMORY: Duration = Duration::from_hours(1);

/// The most names that are kept: a megabyte of them.
const MAX_NAMES: usize = 4 * MAX_KEYS;

/// Tells a new key from one that some fetch brought before, whatever the fetches since have brought.
#[derive(Debug, Default)]
pub(super) struct FamiliarNames(HashMap<String, Instant>);

impl FamiliarNames {
    /// Takes in the names that are published now, and says whether one of them is new.
    pub(super) fn meet<'n>(&mut self, names: impl Iterator<Item = &'n String>, now: Instant) -> bool {
        self.0.retain(|_, until| now <= *until);
        let (mut is_one_new, until) = (false, now + MEMORY);
        for name in names {
            if let Some(known) = self.0.get_mut(name) {
                *known = until;
                continue;
            }
            is_one_new = true;
            if self.0.len() < MAX_NAMES {
                self.0.insert(name.clone(), until);
            }
        }
        is_one_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_new_once_an_hour_at_most_and_takes_bounded_memory() {
        let start = Instant::now();
        let mut familiar = FamiliarNames::default();
        let [one, other] = ["K1", "K2"].map(str::to_owned);
        assert!(familiar.meet([&one].into_iter(), start));
        assert!(familiar.meet([&one, &other].into_iter(), start));
        for minutes in [10, 20, 70] {
            let now = start + Duration::from_mins(minutes);
            assert!(!familiar.meet([&one].into_iter(), now), "{minutes}");
        }
        // Published the last time more than an hour ago.
        assert!(familiar.meet([&other].into_iter(), start + Duration::from_mins(71)));
        for number in 0..2 * MAX_NAMES {
            assert!(familiar.meet([&number.to_string()].into_iter(), start));
        }
        assert_eq!(familiar.0.len(), MAX_NAMES);
    }
}
