//! How often a renewal is tried.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// The least time between two tries: a renewal that failed costs nobody anything yet.
pub(super) const BETWEEN_TRIES: Duration = Duration::from_secs(30);

/// Gives the next try to one caller, and to no other until it is time for one more. Takes no lock.
#[derive(Debug)]
pub(super) struct Spacing {
    start: Instant,
    /// Milliseconds from the start.
    next: AtomicU64,
}

impl Default for Spacing {
    fn default() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0) }
    }
}

impl Spacing {
    /// Whether the try is this caller's; the next one is so long after it.
    pub(super) fn claim(&self, now: Instant, between: Duration) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let after = self.since_start(now + between);
        self.since_start(now) >= next
            && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// No try before `until`.
    pub(super) fn postpone(&self, until: Instant) {
        self.next.fetch_max(self.since_start(until), Ordering::Relaxed);
    }

    fn since_start(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}
