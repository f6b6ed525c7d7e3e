//! An instant whose age includes the time that the machine slept.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A point in time, with an age that includes the time that the machine slept.
///
/// The age is the larger of what two clocks measure. The monotonic clock stops while the machine sleeps, and the wall
/// clock can be set back.
#[derive(Debug)]
pub(super) struct SleepAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
    /// The second of the age in which the wall clock was last read, counted from one.
    wall_seen_in: AtomicU64,
}

impl SleepAwareInstant {
    pub(super) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now(), wall_seen_in: AtomicU64::new(0) }
    }

    /// Time from `earlier` to this instant.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        earlier.elapsed_at(self.monotonic, self.wall)
    }

    /// Time since this instant.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed_at(Instant::now(), SystemTime::now())
    }

    /// Whether the age is at most `limit`. Every request asks, so the wall clock is read once a second.
    pub(super) fn is_within(&self, limit: Duration) -> bool {
        self.is_within_at(limit, Instant::now(), SystemTime::now)
    }

    fn elapsed_at(&self, now: Instant, wall: SystemTime) -> Duration {
        let by_the_wall = wall.duration_since(self.wall).unwrap_or_default();
        now.saturating_duration_since(self.monotonic).max(by_the_wall)
    }

    fn is_within_at(&self, limit: Duration, now: Instant, wall: impl FnOnce() -> SystemTime) -> bool {
        let elapsed = now.saturating_duration_since(self.monotonic);
        let second = elapsed.as_secs() + 1;
        if elapsed > limit || self.wall_seen_in.load(Ordering::Relaxed) == second {
            return elapsed <= limit;
        }
        let is_within = self.elapsed_at(now, wall()) <= limit;
        if is_within {
            self.wall_seen_in.store(second, Ordering::Relaxed);
        }
        is_within
    }
}

impl Clone for SleepAwareInstant {
    /// Forgets when the wall clock was read, since the clone may be compared with another limit.
    fn clone(&self) -> Self {
        Self { wall_seen_in: AtomicU64::new(0), ..*self }
    }
}

#[cfg(test)]
impl SleepAwareInstant {
    /// Now by the monotonic clock, and `time` ago by the wall clock.
    pub(super) fn before_a_sleep_of(time: Duration) -> Self {
        Self { wall: SystemTime::now() - time, ..Self::now() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const DAY: Duration = Duration::from_hours(24);

    #[test]
    fn sleep_counts_and_a_clock_set_back_does_not() {
        let instant = SleepAwareInstant::now();
        let (now, wall) = (instant.monotonic, instant.wall);
        assert_eq!(instant.elapsed_at(now + SECOND, wall + DAY), DAY);
        assert_eq!(instant.elapsed_at(now + DAY, wall - DAY), DAY);
        assert!(instant.is_within_at(DAY, now + SECOND, || wall + DAY));
        assert!(!instant.is_within_at(DAY, now + 2 * SECOND, || wall + DAY + SECOND));
        assert!(!instant.is_within_at(DAY, now + DAY + SECOND, || wall - DAY));
    }

    #[test]
    fn the_wall_clock_is_read_once_a_second() {
        let instant = SleepAwareInstant::now();
        let (now, wall) = (instant.monotonic, instant.wall);
        assert!(instant.is_within_at(DAY, now, || wall));
        assert!(instant.is_within_at(DAY, now + SECOND / 2, || panic!("read twice within the same second")));
        // A wall clock beyond the limit is read each time, until it is set back.
        for _ in 0..2 {
            assert!(!instant.is_within_at(DAY, now + SECOND, || wall + 2 * DAY));
        }
    }

    #[test]
    fn a_wall_clock_reading_for_one_limit_does_not_count_for_another() {
        let instant = SleepAwareInstant::now();
        let (now, wall) = (instant.monotonic, instant.wall + DAY);
        assert!(instant.is_within_at(DAY, now, || wall));
        assert!(!instant.clone().is_within_at(DAY / 2, now, || wall));
    }
}
