//! One line a step: what was asked, what was expected, what came back.

use std::fmt;
use std::io::Write;

/// What a step brought: a text for its line and what later steps need, or why not.
pub type Outcome<T = ()> = Result<(String, T), Miss>;

/// A step that did not go as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Miss {
    /// Something else came back.
    Unexpected(String),
    /// The step cannot be done here, for this reason.
    Skipped(String),
}

/// How many steps ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Steps that went as expected.
    pub as_expected: usize,
    /// Steps that went otherwise.
    pub unexpected: usize,
    /// Steps that could not be done here.
    pub skipped: usize,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { as_expected, unexpected, skipped } = self;
        write!(f, "{as_expected} steps as expected, {unexpected} otherwise, {skipped} skipped")
    }
}

/// Writes the lines and counts them.
#[derive(Debug)]
pub struct Report<W> {
    out: W,
    number: usize,
    summary: Summary,
}

impl<W: Write> Report<W> {
    /// A report that writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out, number: 0, summary: Summary::default() }
    }

    /// How the steps so far ended.
    pub fn summary(&self) -> Summary {
        self.summary
    }

    /// Does a step and writes its line; what it brought is there only when it went as expected.
    pub(super) async fn step<T>(
        &mut self,
        asked: &str,
        expected: &str,
        step: impl Future<Output = Outcome<T>>,
    ) -> Option<T> {
        self.number += 1;
        let (verdict, came, brought) = match step.await {
            Ok((came, brought)) => {
                self.summary.as_expected += 1;
                ("ok", came, Some(brought))
            }
            Err(Miss::Unexpected(came)) => {
                self.summary.unexpected += 1;
                ("NOT AS EXPECTED", came, None)
            }
            Err(Miss::Skipped(reason)) => {
                self.summary.skipped += 1;
                ("skipped", reason, None)
            }
        };
        // A reader who has gone away does not stop the walkthrough; its exit code still counts.
        let _ =
            writeln!(self.out, "{:>2}  {asked:<46}  expected {expected:<35}  {verdict}: {came}", self.number);
        let _ = self.out.flush();
        brought
    }
}

/// Why a request got no answer at all; the innermost reason says most.
pub(super) fn no_answer(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let reason = chain.last().map(ToString::to_string).unwrap_or_default();
    let url = error.url().map(ToString::to_string).unwrap_or_default();
    format!("no answer from {url}: {reason}")
}
