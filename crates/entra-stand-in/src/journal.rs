//! Records the requests to Entra's endpoints, their outcomes and the reasons, for tests to assert on.
//!
//! Entries contain ids, numbers and the stand-in's own texts only. Nothing that a client sent is stored, so no secret is.

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

/// The most entries of the journal of all tenants, at most one kilobyte each.
const MOST: usize = 10_000;

/// The most entries for a tenant that a test created, of which there may be a thousand.
const MOST_OF_A_TEST: usize = 1_000;

/// The requests to the endpoints of one tenant, or of all, in the order of their responses.
#[derive(Debug)]
pub struct Journal {
    most: usize,
    entries: Mutex<VecDeque<Arc<Entry>>>,
}

/// A snapshot of a journal's entries.
#[derive(Debug, Clone, Default)]
pub struct Entries(Vec<Arc<Entry>>);

impl Default for Journal {
    fn default() -> Self {
        Self { most: MOST, entries: Mutex::default() }
    }
}

impl Journal {
    /// Creates the journal of a tenant that a test created.
    pub(crate) fn of_a_test() -> Self {
        Self { most: MOST_OF_A_TEST, ..Self::default() }
    }

    /// Returns the latest entries, which are at most 10,000, or 1,000 for a tenant that a test created.
    #[must_use]
    pub fn entries(&self) -> Entries {
        Entries(self.lock().iter().map(Arc::clone).collect())
    }

    /// Returns the entries of this most recent period, by the machine's clock.
    #[must_use]
    pub fn within(&self, past: Duration) -> Entries {
        let is_within = |entry: &&Arc<Entry>| entry.at.elapsed() <= past;
        Entries(self.lock().iter().filter(is_within).map(Arc::clone).collect())
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Asserts the number of requests to the token endpoints: a number, or a range like `1..=2`.
    ///
    /// # Panics
    /// The number is another; the message lists the requests.
    #[track_caller]
    pub fn expect_token_requests(&self, expected: impl Count) {
        self.entries().expect_token_requests(expected);
    }

    /// Asserts the number of requests to the key sets.
    ///
    /// # Panics
    /// The number is another; the message lists the requests.
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
    /// See [`Journal::expect_token_requests`].
    ///
    /// # Panics
    /// The number is another; the message lists the requests.
    #[track_caller]
    pub fn expect_token_requests(&self, expected: impl Count) {
        self.expect(Endpoint::Token, expected);
    }

    /// See [`Journal::expect_key_set_fetches`].
    ///
    /// # Panics
    /// The number is another; the message lists the requests.
    #[track_caller]
    pub fn expect_key_set_fetches(&self, expected: impl Count) {
        self.expect(Endpoint::Keys, expected);
    }

    /// Asserts the number of requests to an endpoint.
    ///
    /// # Panics
    /// The number is another; the message lists the requests.
    #[track_caller]
    pub fn expect(&self, endpoint: Endpoint, expected: impl Count) {
        let count = self.iter().filter(|entry| entry.endpoint == endpoint).count();
        let expected = expected.into_bounds();
        assert!(
            expected.contains(count),
            "expected {expected} requests to {endpoint}, but {count} came; the journal:{self}"
        );
    }

    /// Returns the most requests to an endpoint within any period of this length.
    #[must_use]
    pub fn most_within(&self, time: Duration, endpoint: Endpoint) -> usize {
        self.only(|entry| entry.endpoint == endpoint).most_within_any(time)
    }

    /// Returns the entries that match.
    pub(crate) fn only(&self, is_wanted: impl Fn(&Entry) -> bool) -> Self {
        Self(self.iter().filter(|entry| is_wanted(entry)).map(Arc::clone).collect())
    }

    /// Returns the most entries within any period of this length.
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
