//! A tenant's clock, which a test can move. Everything that the stand-in does for the tenant uses it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A clock with an offset from the machine's, which can be frozen.
#[derive(Debug, Default)]
pub struct Clock(Mutex<Setting>);

#[derive(Debug, Clone, Copy)]
enum Setting {
    /// Runs, this far ahead of the machine's clock.
    Running(SignedDuration),
    /// Frozen at this time.
    Frozen(Timestamp),
}

impl Clock {
    /// Returns the clock's time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.setting().now()
    }

    /// Sets the clock forward, running or frozen.
    pub fn advance(&self, time: Duration) {
        self.shift(SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX));
    }

    /// Sets the clock back, running or frozen.
    pub fn rewind(&self, time: Duration) {
        self.shift(SignedDuration::try_from(time).map_or(SignedDuration::MIN, |time| -time));
    }

    /// Sets the clock to a time; it keeps running unless it is frozen.
    pub fn set(&self, time: Timestamp) {
        let mut setting = self.setting();
        *setting = match *setting {
            Setting::Running(_) => Setting::Running(time.duration_since(Timestamp::now())),
            Setting::Frozen(_) => Setting::Frozen(time),
        };
    }

    /// Freezes the clock at its current time.
    pub fn freeze(&self) {
        let mut setting = self.setting();
        *setting = Setting::Frozen(setting.now());
    }

    /// Resumes a frozen clock from its current time.
    pub fn resume(&self) {
        let mut setting = self.setting();
        *setting = Setting::Running(setting.now().duration_since(Timestamp::now()));
    }

    /// Resets the clock to the machine's time.
    pub fn reset(&self) {
        *self.setting() = Setting::default();
    }

    fn shift(&self, by: SignedDuration) {
        let mut setting = self.setting();
        *setting = match *setting {
            Setting::Running(ahead) => Setting::Running(ahead.saturating_add(by)),
            Setting::Frozen(time) => Setting::Frozen(shifted(time, by)),
        };
    }

    fn setting(&self) -> MutexGuard<'_, Setting> {
        // Each change is a single assignment, so a poisoned lock still holds a consistent clock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Setting {
    fn now(self) -> Timestamp {
        match self {
            Self::Running(ahead) => shifted(Timestamp::now(), ahead),
            Self::Frozen(time) => time,
        }
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self::Running(SignedDuration::ZERO)
    }
}

/// Adds with saturation at the first and last possible time.
fn shifted(time: Timestamp, by: SignedDuration) -> Timestamp {
    let end = if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX };
    time.checked_add(by).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ahead(clock: &Clock) -> i64 {
        clock.now().duration_since(Timestamp::now()).as_secs()
    }

    #[test]
    fn a_clock_runs_ahead_or_behind_and_is_reset() {
        let clock = Clock::default();
        clock.advance(Duration::from_hours(2));
        assert!((7199..=7200).contains(&ahead(&clock)));
        clock.rewind(Duration::from_hours(3));
        assert!((-3601..=-3600).contains(&ahead(&clock)));
        clock.reset();
        assert!((-1..=0).contains(&ahead(&clock)));
    }

    #[test]
    fn a_frozen_clock_stands_still_until_it_is_moved_or_resumed() {
        let clock = Clock::default();
        let start = Timestamp::from_second(1_000_000_000).unwrap();
        clock.freeze();
        clock.set(start);
        assert_eq!((clock.now(), clock.now()), (start, start));
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.now().as_second(), 1_000_000_005);
        clock.resume();
        assert!((1_000_000_005..1_000_000_010).contains(&clock.now().as_second()));
    }

    #[test]
    fn a_clock_ends_at_the_last_time_there_is() {
        let clock = Clock::default();
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
        clock.rewind(Duration::MAX);
        clock.rewind(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MIN);
    }
}
