//! When something was, told by two clocks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A moment in the past.
///
/// How long ago it was is told by the clock that says more: the monotonic one stands still while the machine sleeps, and
/// the wall clock can be set back.
#[derive(Debug)]
pub(super) struct Moment {
    monotonic: Instant,
    wall: SystemTime,
    /// The second since then in which the wall clock was looked at last, counted from one.
    wall_seen_in: AtomicU64,
}

impl Moment {
    pub(super) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now(), wall_seen_in: AtomicU64::new(0) }
    }

    /// How long before this one `earlier` was.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        earlier.elapsed_at(self.monotonic, self.wall)
    }

    /// How long ago it was.
    pub(super) fn elapsed(&self) -> Duration {
        self.elapsed_at(Instant::now(), SystemTime::now())
    }

    /// Whether it was at most so long ago. Every request asks, so the wall clock is looked at once a second.
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

impl Clone for Moment {
    /// The same moment, of which the wall clock has said nothing yet: what is within one limit may be beyond another.
    fn clone(&self) -> Self {
        Self { wall_seen_in: AtomicU64::new(0), ..*self }
    }
}

#[cfg(test)]
impl Moment {
    /// Now by the monotonic clock, and so long ago by the wall clock.
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
    fn the_time_that_a_machine_slept_counts_and_a_clock_set_back_does_not() {
        let moment = Moment::now();
        let (now, wall) = (moment.monotonic, moment.wall);
        assert_eq!(moment.elapsed_at(now + SECOND, wall + DAY), DAY);
        assert_eq!(moment.elapsed_at(now + DAY, wall - DAY), DAY);
        assert!(moment.is_within_at(DAY, now + SECOND, || wall + DAY));
        assert!(!moment.is_within_at(DAY, now + 2 * SECOND, || wall + DAY + SECOND));
        assert!(!moment.is_within_at(DAY, now + DAY + SECOND, || wall - DAY));
    }

    #[test]
    fn the_wall_clock_is_looked_at_once_a_second() {
        let moment = Moment::now();
        let (now, wall) = (moment.monotonic, moment.wall);
        assert!(moment.is_within_at(DAY, now, || wall));
        assert!(moment.is_within_at(DAY, now + SECOND / 2, || panic!("looked at within the same second")));
        // One that says that it is too long ago is looked at until it is set right.
        for _ in 0..2 {
            assert!(!moment.is_within_at(DAY, now + SECOND, || wall + 2 * DAY));
        }
    }

    #[test]
    fn what_the_wall_clock_said_of_one_limit_is_not_believed_of_another() {
        let moment = Moment::now();
        let (now, wall) = (moment.monotonic, moment.wall + DAY);
        assert!(moment.is_within_at(DAY, now, || wall));
        assert!(!moment.clone().is_within_at(DAY / 2, now, || wall));
    }
}
