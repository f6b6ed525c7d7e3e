//! Generates signing keys ahead, for tenants that tests create: generating takes some 100 ms, reading a few.
//!
//! Spare keys stay in the data folder, and each start uses the same ones again. Tenants of one stand-in never share a
//! key; tenants of two stand-ins can.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};

use entra_shared::settings::KeyProblem;

use super::SigningKey;
use crate::DataFolder;

/// The number of keys to have ready once one was taken. It is enough for eight tenants with one key each.
const AHEAD: usize = 8;

/// The number of keys to have ready before one was taken, which is enough for a first tenant.
const AHEAD_AT_START: usize = 2;

/// The most threads that prepare keys. Generation takes a random time, so two threads yield the first key sooner.
const MAKERS: usize = 2;

/// The most spare keys in the folder, at some 3 KB each; further ones are generated each time.
const KEPT_AT_MOST: u32 = 1024;

/// The spare keys of one stand-in.
#[derive(Debug)]
pub(crate) struct SpareKeys {
    folder: DataFolder,
    stock: Mutex<Stock>,
    /// Notified of each key that is ready and each thread that ends.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Stock {
    ready: VecDeque<SigningKey>,
    /// The number of keys that were taken or prepared.
    used: u32,
    /// The number of threads that prepare keys.
    makers: usize,
    /// Whether a key was ever taken.
    wanted: bool,
}

impl SpareKeys {
    pub(crate) fn new(folder: DataFolder) -> Self {
        Self { folder, stock: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes an unused key; blocks until one is ready.
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
            // No thread could be started, or none produced a key: generate one here.
            if stock.makers == 0 {
                let number = stock.next();
                drop(stock);
                return self.read_or_make(number);
            }
            stock = self.changed.wait(stock).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Prepares keys in as many threads as needed.
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

    /// Returns the number of keys to have ready.
    fn ahead(&self) -> usize {
        if self.wanted { AHEAD } else { AHEAD_AT_START }
    }
}

/// Prepares one more key, and returns whether to continue. Ends with the stand-in.
fn add_one(spare: &Weak<SpareKeys>) -> bool {
    let Some(spare) = spare.upgrade() else { return false };
    let number = {
        let mut stock = spare.stock();
        // Each running thread will add one as well.
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
        // The folder also has the file that the refilling thread is writing.
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
