//! Keys made ahead, for tenants that a test makes: making an RSA key takes a core some 100 ms, reading one a few.
//!
//! Spare keys stay in the data folder, and each start hands the same ones out again from the first. Tenants of one
//! stand-in never share a key; only those of two stand-ins can, as seeded tenants do.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use entra_shared::settings::KeyProblem;

use super::SigningKey;
use crate::DataFolder;

/// How many keys are read or made ahead once one was taken: those of eight tenants that nobody looks at.
const AHEAD: usize = 8;

/// How many are before that: those of the first tenant, should there be one.
const AHEAD_AT_START: usize = 2;

/// The most threads that get keys ready: how long making a key takes is chance, and the first of two is sooner there.
const MAKERS: usize = 2;

/// The most spare keys kept in the folder, at some 3 KB each; those beyond are made anew each time.
const KEPT_AT_MOST: u32 = 1024;

/// The spare keys of one stand-in.
#[derive(Debug)]
pub(crate) struct SpareKeys {
    folder: DataFolder,
    stock: Mutex<Stock>,
    /// Told of each key that gets ready, and of each thread that ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stock {
    ready: VecDeque<SigningKey>,
    /// How many keys were handed out or got ready.
    used: u32,
    /// How many threads get keys ready.
    makers: usize,
    /// Whether a key was ever taken.
    wanted: bool,
}

impl SpareKeys {
    pub(crate) fn new(folder: DataFolder) -> Self {
        Self { folder, stock: Mutex::default(), changed: Condvar::new() }
    }

    /// A key that nobody else has. Blocks where none is ready.
    pub(crate) fn take(self: &Arc<Self>) -> Result<SigningKey, KeyProblem> {
        let mut stock = self.stock();
        stock.wanted = true;
        let ready = stock.ready.pop_front();
        drop(stock);
        self.refill();
        if let Some(key) = ready {
            return Ok(key);
        }
        let mut stock = self.stock();
        loop {
            if let Some(key) = stock.ready.pop_front() {
                return Ok(key);
            }
            // Where there can be no thread, or those there were had no key, whoever needs one makes it.
            if stock.makers == 0 {
                let number = stock.next();
                drop(stock);
                return self.read_or_make(number);
            }
            stock = self.changed.wait(stock).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Gets keys ready in threads of their own, as many as are needed.
    pub(crate) fn refill(self: &Arc<Self>) {
        let mut stock = self.stock();
        while stock.makers < MAKERS && stock.ready.len() + stock.makers < stock.ahead() {
            let spare = Arc::downgrade(self);
            let thread = std::thread::Builder::new().name("spare-keys".to_owned());
            if thread.spawn(move || while add_one(&spare) {}).is_err() {
                break;
            }
            stock.makers += 1;
        }
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

    /// How many keys are to be ready.
    fn ahead(&self) -> usize {
        if self.wanted { AHEAD } else { AHEAD_AT_START }
    }
}

/// Gets one more key ready; says whether to go on. Ends with the stand-in.
fn add_one(spare: &Weak<SpareKeys>) -> bool {
    let Some(spare) = spare.upgrade() else { return false };
    let number = {
        let mut stock = spare.stock();
        // The others that are at it bring one each as well.
        if stock.ready.len() + stock.makers > stock.ahead() {
            stock.makers -= 1;
            return false;
        }
        stock.next()
    };
    let key = spare.read_or_make(number);
    let mut stock = spare.stock();
    let had = match key {
        Ok(key) => {
            stock.ready.push_back(key);
            true
        }
        Err(error) => {
            tracing::warn!(%error, "no spare key could be had");
            stock.makers -= 1;
            false
        }
    };
    drop(stock);
    spare.changed.notify_all();
    had
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
