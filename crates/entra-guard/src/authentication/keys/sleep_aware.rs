//! An instant whose age includes the time that the machine slept.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A point in time, with an age that includes the time that the machine slept.
///
/// The age is the larger of what two clocks measure. The monotonic clock stops while the machine sleeps, and the wall
/// clock can be set back.
#[derive(Debug, Clone, Copy)]
pub(super) struct SleepAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
}

impl SleepAwareInstant {
    pub(super) fn now() -> Self {
        Self { monotonic: Instant::now(), wall: SystemTime::now() }
    }

    /// Returns the time from `earlier` to this instant.
    pub(super) fn since(self, earlier: Self) -> Duration {
        let by_the_wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        self.monotonic.saturating_duration_since(earlier.monotonic).max(by_the_wall)
    }

    /// Time since this instant.
    pub(super) fn elapsed(self) -> Duration {
        Self::now().since(self)
    }
}

#[cfg(test)]
impl SleepAwareInstant {
    /// Returns an instant that is now by the monotonic clock, and `time` ago by the wall clock.
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
        let start = SleepAwareInstant::now();
        let (now, wall) = (start.monotonic, start.wall);
        let age_at = |monotonic, wall| SleepAwareInstant { monotonic, wall }.since(start);
        assert_eq!(age_at(now + SECOND, wall + DAY), DAY);
        assert_eq!(age_at(now + 2 * SECOND, wall + DAY + SECOND), DAY + SECOND);
        assert_eq!(age_at(now + DAY, wall - DAY), DAY);
        assert_eq!(age_at(now + DAY + SECOND, wall - DAY), DAY + SECOND);
    }
}
