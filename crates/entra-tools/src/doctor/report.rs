//! The report, as text for people and as JSON.

use std::fmt;

use serde::Serialize;

use super::finding::{Finding, Outcome};

/// All checks with their findings. `Display` writes text, `Serialize` writes JSON. It never contains the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    healthy: bool,
    checks: Vec<Check>,
}

/// A check's name and finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Check {
    check: &'static str,
    #[serde(flatten)]
    finding: Finding,
}

impl Check {
    pub(super) fn new(check: &'static str, finding: Finding) -> Self {
        Self { check, finding }
    }
}

impl Report {
    pub(super) fn new(checks: Vec<Check>) -> Self {
        let healthy = checks.iter().all(|check| check.finding.outcome != Outcome::Fail);
        Self { healthy, checks }
    }

    /// Returns whether no check failed.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.checks.iter().filter(|check| check.finding.outcome == outcome).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.checks.iter().try_for_each(|check| write!(f, "{check}"))?;
        let [passed, warnings, failed, skipped] =
            [Outcome::Pass, Outcome::Warning, Outcome::Fail, Outcome::Skipped]
                .map(|outcome| self.count(outcome));
        write!(f, "\n{passed} passed, {warnings} with a warning, {failed} failed, {skipped} skipped")
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { outcome, found, remedy } = &self.finding;
        let mark = match outcome {
            Outcome::Pass => "pass",
            Outcome::Warning => "warn",
            Outcome::Fail => "FAIL",
            Outcome::Skipped => "-",
        };
        let skipped = if *outcome == Outcome::Skipped { "skipped: " } else { "" };
        writeln!(f, "  {mark:<4}  {:<18}  {skipped}{found}", self.check)?;
        remedy.as_ref().map_or(Ok(()), |remedy| writeln!(f, "          {remedy}"))
    }
}
