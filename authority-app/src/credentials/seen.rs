//! The assertions that were used: in strict mode, none is used twice while it lasts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use shared::ids::ClientId;
use shared::settings::KeyProblem;

use super::certificate::hex;
use crate::DataFolder;

/// The most assertions of a tenant that are remembered at a time, at some 150 bytes each; room for a client that makes
/// one for each request of a load test.
const MAX_SEEN: usize = 100_000;

/// The same of a tenant that a test made; there may be a thousand of them.
const MAX_SEEN_OF_A_TEST: usize = 10_000;

/// What the names of the files begin with; the hour in which its assertions expire follows, counted from 1970.
const FILE: &str = "used-assertions-";

/// The ids of a tenant's assertions that were used, each until it expires.
#[derive(Debug)]
pub(crate) struct SeenAssertions {
    most: usize,
    seen: Mutex<HashMap<String, Timestamp>>,
    kept: Option<DataFolder>,
}

impl SeenAssertions {
    /// Those of a tenant that a test made; they end with it.
    pub(crate) fn of_a_test() -> Self {
        Self { most: MAX_SEEN_OF_A_TEST, ..Self::default() }
    }

    /// Those that are kept in this folder from one start to the next.
    pub(crate) fn kept(folder: DataFolder) -> Result<Self, KeyProblem> {
        let now = Timestamp::now();
        forget_expired(&folder, now)?;
        let mut seen = HashMap::new();
        for name in folder.names()?.iter().filter(|name| hour_of(name).is_some()) {
            let text = folder.read(name)?.unwrap_or_default();
            seen.extend(text.lines().filter_map(parsed).filter(|(_, expiry)| now < *expiry));
        }
        Ok(Self { seen: Mutex::new(seen), kept: Some(folder), ..Self::default() })
    }

    /// Remembers a client's verified assertion until `expiry`; whether it was used before, as a rule that it breaks.
    pub(super) fn remember(
        &self,
        client: ClientId,
        jti: &str,
        expiry: Timestamp,
        now: Timestamp,
    ) -> Result<(), &'static str> {
        let key = hex(digest(&SHA256, format!("{client} {jti}").as_bytes()).as_ref());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&key).is_some_and(|expiry| now < *expiry) {
            return Err("an assertion is used once: this `jti` was seen before");
        }
        if seen.len() >= self.most {
            seen.retain(|_, expiry| now < *expiry);
        }
        // None is forgotten before its time, which would let it be used again.
        if seen.len() >= self.most {
            return Err("too many assertions at a time");
        }
        if let Some(folder) = &self.kept {
            keep(folder, &key, expiry).map_err(|error| {
                tracing::error!(%error, "the use of an assertion could not be kept");
                "an assertion is used once, and its use could not be kept"
            })?;
        }
        seen.insert(key, expiry);
        Ok(())
    }
}

impl Default for SeenAssertions {
    fn default() -> Self {
        Self { most: MAX_SEEN, seen: Mutex::default(), kept: None }
    }
}

/// Appends a line to the file of the hour in which the assertion expires.
fn keep(folder: &DataFolder, key: &str, expiry: Timestamp) -> Result<(), KeyProblem> {
    let name = format!("{FILE}{}", hour(expiry));
    if !folder.path(&name).exists() {
        forget_expired(folder, Timestamp::now())?;
    }
    // A line before it may have been cut short, by a full disk for instance; its assertion was refused then.
    folder.append(&name, &format!("\n{key} {}\n", expiry.as_second()))
}

/// Removes the files whose hour is over, by the machine's clock, which no test moves.
fn forget_expired(folder: &DataFolder, now: Timestamp) -> Result<(), KeyProblem> {
    let names = folder.names()?;
    let expired = names.iter().filter(|name| hour_of(name).is_some_and(|of| of < hour(now)));
    expired.into_iter().try_for_each(|name| folder.remove(name))
}

fn hour(time: Timestamp) -> i64 {
    time.as_second().div_euclid(3600)
}

/// The hour in which the assertions of a file expire; none of a file of something else.
fn hour_of(name: &str) -> Option<i64> {
    name.strip_prefix(FILE)?.parse().ok()
}

/// A line of a file; none where it was not written to its end.
fn parsed(line: &str) -> Option<(String, Timestamp)> {
    let (key, second) = line.split_once(' ')?;
    Some((key.to_owned(), Timestamp::from_second(second.parse().ok()?).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn clients() -> [ClientId; 2] {
        [1, 2].map(|number| ClientId::from(uuid::Uuid::from_u128(number)))
    }

    #[test]
    fn an_assertion_is_used_once_while_it_lasts_and_the_store_is_bounded() {
        let seen = SeenAssertions::of_a_test();
        let [one, two] = clients();
        assert!(seen.remember(one, "a", second(100), second(0)).is_ok());
        assert!(seen.remember(one, "a", second(100), second(99)).is_err());
        assert!(seen.remember(two, "a", second(100), second(0)).is_ok());
        for number in 0..MAX_SEEN_OF_A_TEST {
            let full = seen.remember(one, &number.to_string(), second(50), second(0)).is_err();
            assert_eq!(full, number >= MAX_SEEN_OF_A_TEST - 2);
        }
        assert!(seen.remember(one, "b", second(200), second(60)).is_ok());
        assert!(seen.remember(two, "a", second(100), second(60)).is_err());
    }

    #[test]
    fn what_is_kept_is_read_at_the_next_start_and_ends_with_its_hour() {
        let place = tempfile::tempdir().unwrap();
        let folder = || DataFolder::at(place.path()).unwrap();
        let [one, two] = clients();
        let now = Timestamp::now().as_second();
        folder().append(&format!("{FILE}{}", (now - 7200) / 3600), "key 1\n").unwrap();
        folder().append(&format!("{FILE}{}", (now + 7200) / 3600), "half a li").unwrap();
        folder().append("key", "of something else").unwrap();
        let seen = SeenAssertions::kept(folder()).unwrap();
        assert_eq!(folder().names().unwrap().len(), 2);
        for (jti, expiry) in [("a", now + 60), ("b", now + 7200), ("c", now - 60)] {
            assert!(seen.remember(one, jti, second(expiry), second(now - 3600)).is_ok());
        }
        let next = SeenAssertions::kept(folder()).unwrap();
        let used = |client, jti| next.remember(client, jti, second(now + 7200), second(now)).is_err();
        assert!(used(one, "a") && used(one, "b") && !used(one, "c") && !used(two, "a"));
    }
}
