//! How often something may happen at the wish of strangers.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// A token bucket: full at first, refilled one at a time.
#[derive(Debug)]
pub(super) struct Bucket {
    capacity: u32,
    refill: Duration,
    left: u32,
    /// Up to when refills have been counted.
    counted: Instant,
}

impl Bucket {
    pub(super) fn new(capacity: NonZeroU32, refill: Duration) -> Self {
        let capacity = capacity.get();
        Self { capacity, refill, left: capacity, counted: Instant::now() }
    }

    /// Takes one out, if there is one.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.fill_up(now);
        match self.left.checked_sub(1) {
            None => false,
            Some(left) => {
                self.left = left;
                true
            }
        }
    }

    /// Puts one back, if it has room.
    pub(super) fn put_back(&mut self) {
        self.left = self.capacity.min(self.left.saturating_add(1));
    }

    fn fill_up(&mut self, now: Instant) {
        while self.left < self.capacity && now.saturating_duration_since(self.counted) >= self.refill {
            self.left += 1;
            self.counted += self.refill;
        }
        if self.left == self.capacity {
            // A full bucket does not save up.
            self.counted = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_empties_and_refills_one_at_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut bucket = Bucket::new(NonZeroU32::new(2).unwrap(), Duration::from_mins(5));
        let taken: Vec<bool> = [0, 0, 0, 299, 301, 302, 599, 602].map(|s| bucket.take(at(s))).into();
        assert_eq!(taken, [true, true, false, false, true, false, false, true]);
        // A day later there are two again, and no more.
        let taken: Vec<bool> = [86_400, 86_401, 86_402].map(|s| bucket.take(at(s))).into();
        assert_eq!(taken, [true, true, false]);
    }

    #[test]
    fn what_is_put_back_can_be_taken_again_and_never_more_than_it_holds() {
        let now = Instant::now();
        let mut bucket = Bucket::new(NonZeroU32::new(2).unwrap(), Duration::from_mins(5));
        assert!(bucket.take(now) && bucket.take(now));
        bucket.put_back();
        assert!(bucket.take(now) && !bucket.take(now));
        (0..5).for_each(|_| bucket.put_back());
        assert_eq!([(); 3].map(|()| bucket.take(now)), [true, true, false]);
    }
}
