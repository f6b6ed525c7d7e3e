//! Counts of a server's connections.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts of a server's connections since it was bound.
#[derive(Debug, Default)]
pub struct ConnectionCounts {
    open: AtomicU64,
    refused: AtomicU64,
    timed_out: AtomicU64,
    displaced: AtomicU64,
}

impl ConnectionCounts {
    /// Returns the number of open connections.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Relaxed)
    }

    /// Returns the number of malformed requests, refused before any route saw them.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    /// Returns the number of connections closed because the peer took too long.
    #[must_use]
    pub fn timed_out(&self) -> u64 {
        self.timed_out.load(Relaxed)
    }

    /// Returns the number of connections without a request that were closed to make room for others.
    #[must_use]
    pub fn displaced(&self) -> u64 {
        self.displaced.load(Relaxed)
    }

    pub(super) fn add_open(&self) {
        self.open.fetch_add(1, Relaxed);
    }

    pub(super) fn remove_open(&self) {
        self.open.fetch_sub(1, Relaxed);
    }

    pub(super) fn add_refused(&self) {
        self.refused.fetch_add(1, Relaxed);
    }

    pub(super) fn add_timed_out(&self) {
        self.timed_out.fetch_add(1, Relaxed);
    }

    pub(super) fn add_displaced(&self) {
        self.displaced.fetch_add(1, Relaxed);
    }
}
