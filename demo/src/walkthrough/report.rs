//! The report, with one line for each step: its request, the expected response and the actual one.

use std::fmt;
use std::io::Write;

/// The result of a step: the text of its line and a value for later steps, or the reason for its failure.
pub type Outcome<T = ()> = Result<(String, T), Miss>;

/// Why a step did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// The response differs from the expected one.
    Unexpected(String),
    /// The step is skipped for this reason.
    Skipped(String),
}

/// The number of steps by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps that succeeded.
    pub as_expected: usize,
    /// Steps that failed.
    pub unexpected: usize,
    /// Steps that were skipped.
    pub skipped: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_expected, unexpected, skipped } = self;
        write!(f, "{as_expected} steps as expected, {unexpected} otherwise, {skipped} skipped")
    }
}

/// Writes the lines and counts the outcomes.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    number: usize,
    summary: Summary,
}

impl<W: Write> Report<W> {
    /// Creates a report that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, number: 0, summary: Summary::default() }
    }

    /// Returns the outcomes so far.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Runs a step and writes its line; returns its value if it succeeded.
    pub(super) async fn step<T>(
        &mut self,
        request: &str,
        expected: &str,
        step: impl Future<Output = Outcome<T>>,
    ) -> Option<T> {
        self.number += 1;
        let (verdict, actual, value) = match step.await {
            Ok((actual, value)) => {
                self.summary.as_expected += 1;
                ("ok", actual, Some(value))
            }
            Err(Miss::Unexpected(actual)) => {
                self.summary.unexpected += 1;
                ("NOT AS EXPECTED", actual, None)
            }
            Err(Miss::Skipped(reason)) => {
                self.summary.skipped += 1;
                ("skipped", reason, None)
            }
        };
        // A closed output does not stop the walkthrough, whose exit code still matters.
        let _ = writeln!(
            self.out,
            "{:>2}  {request:<46}  expected {expected:<35}  {verdict}: {actual}",
            self.number
        );
        let _ = self.out.flush();
        value
    }
}

/// Returns the innermost cause of a failed request, which is the most specific one.
pub(super) fn no_answer(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let reason = chain.last().map(ToString::to_string).unwrap_or_default();
    let url = error.url().map(ToString::to_string).unwrap_or_default();
    format!("no answer from {url}: {reason}")
}
