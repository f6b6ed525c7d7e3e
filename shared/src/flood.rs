//! Keeps a flood of lines that say the same from filling the disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts the lines of each reason since the last summary. The reasons are a program's own words, so few.
#[derive(Debug)]
pub struct FloodLimit {
    most: u64,
    lines: Mutex<HashMap<&'static str, u64>>,
}

/// Whether one more line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is written.
    Write,
    /// It is counted for the next summary.
    Count,
}

impl FloodLimit {
    /// A limit of so many lines of one reason between two summaries.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { most, lines: Mutex::default() }
    }

    /// Counts a line, and says whether it is written.
    pub fn admit(&self, reason: &'static str) -> Admission {
        let mut lines = self.lines();
        let count = lines.entry(reason).or_default();
        *count += 1;
        if *count <= self.most { Admission::Write } else { Admission::Count }
    }

    /// The reasons of which lines were left out since the last time, and how many each.
    pub fn left_out(&self) -> Vec<(&'static str, u64)> {
        let lines = std::mem::take(&mut *self.lines());
        lines
            .into_iter()
            .filter(|(_, count)| *count > self.most)
            .map(|(reason, count)| (reason, count - self.most))
            .collect()
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<&'static str, u64>> {
        // Nothing that holds the lock can leave it half changed.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_reason_is_cut_off_and_summed_up_and_other_reasons_are_not() {
        let limit = FloodLimit::new(20);
        let written = (0..10_000).filter(|_| limit.admit("token_malformed") == Admission::Write).count();
        assert_eq!(written, 20);
        assert_eq!(limit.admit("token_expired"), Admission::Write);
        assert_eq!(limit.left_out(), [("token_malformed", 9_980)]);
        assert_eq!(limit.left_out(), []);
        assert_eq!(limit.admit("token_malformed"), Admission::Write);
    }
}
