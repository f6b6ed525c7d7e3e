//! Keys made ahead, for tenants that a test makes: making an RSA key takes a core some 100 ms, reading one a few.
//!
//! Spare keys stay in the data folder, and each start hands the same ones out again from the first. Tenants of one
//! stand-in never share a key; only those of two stand-ins can, as seeded tenants do.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use shared::settings::KeyProblem;

use super::SigningKey;
use crate::DataFolder;

/// How many keys are read or made ahead: those of four tenants.
const AHEAD: usize = 8;

/// The most spare keys kept in the folder, at some 3 KB each; those beyond are made anew each time.
const KEPT_AT_MOST: u32 = 1024;

/// The spare keys of one stand-in.
#[derive(Debug)]
pub(crate) struct SpareKeys {
    folder: DataFolder,
    stock: Mutex<Stock>,
}

#[derive(Debug, Default)]
struct Stock {
    ready: VecDeque<SigningKey>,
    /// How many keys were handed out or got ready.
    used: u32,
    refilling: bool,
}

impl SpareKeys {
    pub(crate) fn new(folder: DataFolder) -> Self {
        Self { folder, stock: Mutex::default() }
    }

    /// A key that nobody else has. Blocks where none is ready.
    pub(crate) fn take(self: &Arc<Self>) -> Result<SigningKey, KeyProblem> {
        let ready = self.stock().ready.pop_front();
        self.refill();
        if let Some(key) = ready {
            return Ok(key);
        }
        let number = self.stock().next();
        self.read_or_make(number)
    }

    /// Gets keys ready in a thread of its own, unless one is at it.
    fn refill(self: &Arc<Self>) {
        let mut stock = self.stock();
        if stock.refilling || stock.ready.len() >= AHEAD / 2 {
            return;
        }
        let spare = Arc::downgrade(self);
        let thread = std::thread::Builder::new().name("spare-keys".to_owned());
        // Where there can be no thread, whoever needs a key makes it.
        stock.refilling = thread.spawn(move || while add_one(&spare) {}).is_ok();
    }

    fn read_or_make(&self, number: u32) -> Result<SigningKey, KeyProblem> {
        let name = format!("spare-key-{number:06}.pem");
        let text = if number <= KEPT_AT_MOST {
            self.folder.read_or_create(&name, SigningKey::generate)?
        } else {
            SigningKey::generate()?
        };
        SigningKey::parse(&text).ok_or_else(|| self.folder.malformed(&name))
    }

    fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stock {
    fn next(&mut self) -> u32 {
        self.used += 1;
        self.used
    }
}

/// Gets one more key ready; says whether to go on. Ends with the stand-in.
fn add_one(spare: &Weak<SpareKeys>) -> bool {
    let Some(spare) = spare.upgrade() else { return false };
    let number = {
        let mut stock = spare.stock();
        if stock.ready.len() >= AHEAD {
            stock.refilling = false;
            return false;
        }
        stock.next()
    };
    let key = spare.read_or_make(number);
    let mut stock = spare.stock();
    match key {
        Ok(key) => stock.ready.push_back(key),
        Err(error) => {
            tracing::warn!(%error, "no spare key could be had");
            stock.refilling = false;
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_key_is_handed_out_twice_and_all_are_kept() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::at(parent.path()).unwrap();
        let spare = Arc::new(SpareKeys::new(folder.clone()));
        let taken: HashSet<String> = (0..3).map(|_| spare.take().unwrap().kid().to_owned()).collect();
        assert_eq!(taken.len(), 3);
        let kept = folder.names().unwrap();
        // Beside them stands what the refilling thread is writing.
        assert!(kept.iter().filter(|name| name.starts_with("spare-key-")).count() >= 3, "{kept:?}");
    }

    #[test]
    fn takers_at_once_get_different_keys() {
        let parent = tempfile::tempdir().unwrap();
        let spare = Arc::new(SpareKeys::new(DataFolder::at(parent.path()).unwrap()));
        let kids: Vec<String> = std::thread::scope(|scope| {
            let take = || spare.take().unwrap().kid().to_owned();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(kids.iter().collect::<HashSet<_>>().len(), 4);
    }
}
