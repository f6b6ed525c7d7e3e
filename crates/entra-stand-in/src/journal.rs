//! What came to Entra's endpoints and why it was answered as it was, for tests to look at.
//!
//! Only ids, numbers and texts of the stand-in's own go in: whatever a client sent stays out, and with it every secret.

mod count;
mod entry;

use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub use count::{Bounds, Count};
pub use entry::Entry;
pub(crate) use entry::{Caller, Reason};

use crate::endpoint::Endpoint;

/// The most entries that are kept of all tenants, at a kilobyte each at most.
const MOST: usize = 10_000;

/// The most entries that are kept of one tenant that a test made; there may be a thousand of them.
const MOST_OF_A_TEST: usize = 1_000;

/// The requests to the endpoints of one tenant, or of all, in the order of their answers.
#[derive(Debug)]
pub struct Journal {
    most: usize,
    entries: Mutex<VecDeque<Arc<Entry>>>,
}

/// Entries of a journal as it was when they were taken.
#[derive(Debug, Clone, Default)]
pub struct Entries(Vec<Arc<Entry>>);

impl Default for Journal {
    fn default() -> Self {
        Self { most: MOST, entries: Mutex::default() }
    }
}

impl Journal {
    /// The journal of a tenant that a test made.
    pub(crate) fn of_a_test() -> Self {
        Self { most: MOST_OF_A_TEST, ..Self::default() }
    }

    /// Every entry; of more than are kept, the latest: ten thousand, of a test's tenant a thousand.
    #[must_use]
    pub fn entries(&self) -> Entries {
        Entries(self.lock().iter().map(Arc::clone).collect())
    }

    /// The entries of the time just past, by the machine's clock.
    #[must_use]
    pub fn within(&self, past: Duration) -> Entries {
        let is_within = |entry: &&Arc<Entry>| entry.at.elapsed() <= past;
        Entries(self.lock().iter().filter(is_within).map(Arc::clone).collect())
    }

    /// Forgets all entries.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Sees that so many requests came to the token endpoints: a number, or a range like `1..=2`.
    ///
    /// # Panics
    /// It was another number; the message lists what came.
    #[track_caller]
    pub fn expect_token_requests(&self, expected: impl Count) {
        self.entries().expect_token_requests(expected);
    }

    /// Sees that the key sets were fetched so many times.
    ///
    /// # Panics
    /// It was another number; the message lists what came.
    #[track_caller]
    pub fn expect_key_set_fetches(&self, expected: impl Count) {
        self.entries().expect_key_set_fetches(expected);
    }

    pub(crate) fn add(&self, entry: Arc<Entry>) {
        let mut entries = self.lock();
        if entries.len() >= self.most {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<Entry>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// As [`Journal::expect_token_requests`].
    ///
    /// # Panics
    /// It was another number; the message lists what came.
    #[track_caller]
    pub fn expect_token_requests(&self, expected: impl Count) {
        self.expect(Endpoint::Token, expected);
    }

    /// As [`Journal::expect_key_set_fetches`].
    ///
    /// # Panics
    /// It was another number; the message lists what came.
    #[track_caller]
    pub fn expect_key_set_fetches(&self, expected: impl Count) {
        self.expect(Endpoint::Keys, expected);
    }

    /// Sees that so many requests came to an endpoint.
    ///
    /// # Panics
    /// It was another number; the message lists what came.
    #[track_caller]
    pub fn expect(&self, endpoint: Endpoint, expected: impl Count) {
        let count = self.iter().filter(|entry| entry.endpoint == endpoint).count();
        let expected = expected.into_bounds();
        assert!(
            expected.contains(count),
            "expected {expected} requests to {endpoint}, but {count} came; the journal:{self}"
        );
    }

    /// The most requests to an endpoint that came within any time of this length.
    #[must_use]
    pub fn most_within(&self, time: Duration, endpoint: Endpoint) -> usize {
        self.only(|entry| entry.endpoint == endpoint).most_within_any(time)
    }

    /// Those of the entries that are wanted.
    pub(crate) fn only(&self, is_wanted: impl Fn(&Entry) -> bool) -> Self {
        Self(self.iter().filter(|entry| is_wanted(entry)).map(Arc::clone).collect())
    }

    /// The most entries that came within any time of this length.
    pub(crate) fn most_within_any(&self, time: Duration) -> usize {
        let times: Vec<Instant> = self.iter().map(|entry| entry.at).collect();
        let from = |start: &Instant| {
            times.iter().filter(|at| **at >= *start && at.duration_since(*start) <= time).count()
        };
        times.iter().map(from).max().unwrap_or(0)
    }
}

impl Deref for Entries {
    type Target = [Arc<Entry>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl std::fmt::Display for Entries {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.is_empty() {
            return f.write_str(" nothing");
        }
        self.iter().try_for_each(|entry| write!(f, "\n  {entry}"))
    }
}
