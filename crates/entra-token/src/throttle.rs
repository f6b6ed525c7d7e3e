//! Limits how often an action is tried.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Grants an action to one caller per interval, without a lock.
#[derive(Debug)]
pub(super) struct Throttle {
    start: Instant,
    /// When the next action is granted, in milliseconds after `start`.
    next: AtomicU64,
}

impl Default for Throttle {
    fn default() -> Self {
        Self { start: Instant::now(), next: AtomicU64::new(0) }
    }
}

impl Throttle {
    /// Returns whether this caller may act now. If so, no other may for the next `interval`.
    pub(super) fn try_acquire(&self, now: Instant, interval: Duration) -> bool {
        let next = self.next.load(Ordering::Relaxed);
        let after = self.millis_since_start(now + interval);
        self.millis_since_start(now) >= next
            && self.next.compare_exchange(next, after, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Grants nothing before `until`.
    pub(super) fn postpone(&self, until: Instant) {
        self.next.fetch_max(self.millis_since_start(until), Ordering::Relaxed);
    }

    fn millis_since_start(&self, at: Instant) -> u64 {
        u64::try_from(at.duration_since(self.start).as_millis()).unwrap_or(u64::MAX)
    }
}
