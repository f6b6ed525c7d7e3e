//! Keeps a flood of requests from filling the disk with lines.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many lines of one reason are written between two summaries.
const LINES: u64 = 20;

/// Counts the lines of each reason since the last summary. The reasons are this app's own words, so few.
#[derive(Debug, Default)]
pub(crate) struct FloodLimit(Mutex<HashMap<&'static str, u64>>);

/// Whether one more line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// It is written.
    Write,
    /// It is counted for the next summary.
    Count,
}

impl FloodLimit {
    pub(crate) fn admit(&self, reason: &'static str) -> Admission {
        let mut lines = self.lines();
        let count = lines.entry(reason).or_default();
        *count += 1;
        if *count <= LINES { Admission::Write } else { Admission::Count }
    }

    /// The reasons of which lines were left out since the last time, and how many each.
    pub(crate) fn left_out(&self) -> Vec<(&'static str, u64)> {
        let lines = std::mem::take(&mut *self.lines());
        lines
            .into_iter()
            .filter(|(_, count)| *count > LINES)
            .map(|(reason, count)| (reason, count - LINES))
            .collect()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        // Nothing that holds the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_reason_is_cut_off_and_summed_up_and_other_reasons_are_not() {
        let limit = FloodLimit::default();
        let written = (0..10_000).filter(|_| limit.admit("token_malformed") == Admission::Write).count();
        assert_eq!(written as u64, LINES);
        assert_eq!(limit.admit("token_expired"), Admission::Write);
        assert_eq!(limit.left_out(), [("token_malformed", 10_000 - LINES)]);
        assert_eq!(limit.left_out(), []);
        assert_eq!(limit.admit("token_malformed"), Admission::Write);
    }
}
