//! Limits how often tokens with unknown key ids may cause a fetch.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// A rate limit for fetches that tokens with unknown key ids cause. It allows some fetches at once, and one more after
/// each `refill`.
///
/// Anyone can write an unsigned token with a made-up key id, so the limit counts fetches, not callers or ids.
#[derive(Debug)]
pub(super) struct RefetchBudget {
    reserve: u32,
    refill: Duration,
    /// The time at which the full number of fetches is allowed again; `None` before the first fetch.
    full_at: Option<Instant>,
}

impl RefetchBudget {
    pub(super) fn new(reserve: NonZeroU32, refill: Duration) -> Self {
        Self { reserve: reserve.get(), refill, full_at: None }
    }

    /// Creates a budget that never allows a fetch.
    pub(super) fn none() -> Self {
        Self { reserve: 0, refill: Duration::MAX, full_at: None }
    }

    /// Takes one fetch out of the budget, or returns false if none is left.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let capacity = self.refill.saturating_mul(self.reserve);
        let full_at = self.full_at.map_or(now, |full_at| full_at.max(now)).checked_add(self.refill);
        let allowed = full_at.filter(|full_at| full_at.saturating_duration_since(now) <= capacity);
        if allowed.is_some() {
            self.full_at = allowed;
        }
        allowed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_empties_and_refills_one_at_a_time() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut budget = RefetchBudget::new(NonZeroU32::new(2).unwrap(), Duration::from_secs(30));
        let taken: Vec<bool> = [0, 0, 0, 29, 31, 32, 59, 62].map(|s| budget.take(at(s))).into();
        assert_eq!(taken, [true, true, false, false, true, false, false, true]);
        // A day later the reserve is complete, and no larger.
        let taken: Vec<bool> = [86_400, 86_401, 86_402].map(|s| budget.take(at(s))).into();
        assert_eq!(taken, [true, true, false]);
    }

    #[test]
    fn an_empty_budget_allows_nothing() {
        let mut budget = RefetchBudget::none();
        assert!(!budget.take(Instant::now()) && !budget.take(Instant::now() + Duration::from_hours(1)));
    }
}
