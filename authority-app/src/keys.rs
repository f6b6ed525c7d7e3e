//! The keys that sign tokens: which one signs now, and which are published.

mod signing_key;

use std::sync::Arc;

use arc_swap::ArcSwap;
use shared::settings::KeyProblem;

pub(crate) use signing_key::{SigningFailed, SigningKey};

use crate::DataFolder;

/// Entra always publishes more than one key; so does the stand-in, that nobody relies on there being one.
///
/// <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>
const PUBLISHED_AT_LEAST: usize = 2;

/// The most keys published; rolling over once more drops the oldest.
const PUBLISHED_AT_MOST: usize = 8;

/// The signing keys, as an immutable set that a rollover replaces whole.
#[derive(Debug)]
pub(crate) struct SigningKeys {
    set: ArcSwap<KeySet>,
    folder: DataFolder,
}

/// A set of keys, at least one.
#[derive(Debug)]
pub(crate) struct KeySet {
    current: Arc<SigningKey>,
    others: Vec<Arc<SigningKey>>,
}

/// Why there is no new key.
#[derive(Debug, thiserror::Error)]
#[error("the signing keys could not be rolled over")]
pub struct RollError(#[from] KeyProblem);

impl SigningKeys {
    /// Reads the keys of the folder; the first time, makes them.
    pub(crate) fn open(folder: DataFolder) -> Result<Self, KeyProblem> {
        let mut numbers = numbers(&folder)?;
        while numbers.len() < PUBLISHED_AT_LEAST {
            // Another process may make the same one at the same time; then that one counts.
            folder.create(&file(numbers.last().unwrap_or(&0) + 1), &SigningKey::generate()?)?;
            numbers = self::numbers(&folder)?;
        }
        let mut keys = Vec::new();
        for name in numbers.iter().rev().copied().map(file) {
            // Another process may have dropped the oldest meanwhile.
            if let Some(text) = folder.read(&name)? {
                keys.push(Arc::new(SigningKey::parse(&text).ok_or_else(|| folder.malformed(&name))?));
            }
        }
        let mut keys = keys.into_iter();
        let current = keys.next().ok_or_else(|| folder.malformed(&file(1)))?;
        let set = KeySet { current, others: keys.collect() };
        Ok(Self { set: ArcSwap::from_pointee(set), folder })
    }

    /// The keys as they are now.
    pub(crate) fn snapshot(&self) -> Arc<KeySet> {
        self.set.load_full()
    }

    /// Makes a key that signs from now on; those before it stay published. Takes some 100 ms of a core.
    pub(crate) fn roll(&self) -> Result<(), RollError> {
        let text = SigningKey::generate()?;
        let mut number = numbers(&self.folder)?.last().unwrap_or(&0) + 1;
        // Another process may have rolled over meanwhile.
        while !self.folder.create(&file(number), &text)? {
            number += 1;
        }
        let new = Arc::new(SigningKey::parse(&text).ok_or_else(|| self.folder.malformed(&file(number)))?);
        self.set.rcu(|set| KeySet {
            current: Arc::clone(&new),
            others: set.published().take(PUBLISHED_AT_MOST - 1).map(Arc::clone).collect(),
        });
        let numbers = numbers(&self.folder)?;
        for number in numbers.iter().take(numbers.len().saturating_sub(PUBLISHED_AT_MOST)) {
            self.folder.remove(&file(*number))?;
        }
        tracing::info!(kid = new.kid(), "signing with a new key");
        Ok(())
    }
}

impl KeySet {
    /// The key that signs.
    pub(crate) fn current(&self) -> &SigningKey {
        &self.current
    }

    /// Every key that a resource has to accept, the current one first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        std::iter::once(&self.current).chain(&self.others)
    }
}

/// A key's file; numbers go up, so that the newest key is the current one.
fn file(number: u32) -> String {
    format!("signing-key-{number:06}.pem")
}

/// The numbers of the keys in the folder, in order.
fn numbers(folder: &DataFolder) -> Result<Vec<u32>, KeyProblem> {
    let number = |name: &String| name.strip_prefix("signing-key-")?.strip_suffix(".pem")?.parse().ok();
    Ok(folder.names()?.iter().filter_map(number).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kids(keys: &SigningKeys) -> Vec<String> {
        keys.snapshot().published().map(|key| key.kid().to_owned()).collect()
    }

    #[test]
    fn keys_are_kept_and_a_rollover_adds_one() {
        let parent = tempfile::tempdir().unwrap();
        let open = || SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        let keys = open();
        let before = kids(&keys);
        assert_eq!(before.len(), PUBLISHED_AT_LEAST);
        assert_eq!(kids(&open()), before);
        keys.roll().unwrap();
        let after = kids(&keys);
        assert_eq!(&after[1..], before);
        assert!(!before.contains(&after[0]));
        assert_eq!(kids(&open()), after);
    }

    #[test]
    fn processes_that_start_at_once_have_the_same_keys() {
        let parent = tempfile::tempdir().unwrap();
        let all: Vec<Vec<String>> = std::thread::scope(|scope| {
            let open = || kids(&SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap());
            let threads: Vec<_> = (0..3).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all[0], all[1]);
        assert_eq!(all[1], all[2]);
    }

    #[test]
    fn the_number_of_keys_is_bounded() {
        let parent = tempfile::tempdir().unwrap();
        let keys = SigningKeys::open(DataFolder::at(parent.path()).unwrap()).unwrap();
        for _ in 0..PUBLISHED_AT_MOST {
            keys.roll().unwrap();
        }
        assert_eq!(kids(&keys).len(), PUBLISHED_AT_MOST);
        assert_eq!(numbers(&keys.folder).unwrap().len(), PUBLISHED_AT_MOST);
    }

    #[test]
    fn a_file_that_was_tampered_with_is_named() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        folder.create(&file(1), "canary").unwrap();
        let error = SigningKeys::open(folder).unwrap_err().to_string();
        assert!(error.contains("signing-key-000001.pem") && !error.contains("canary"), "{error}");
    }
}
