//! The outcome of a run, and its forms: JSON, JUnit XML, SARIF, HTML and text.

mod deviations;
mod html;
mod junit;
mod sarif;
mod text;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::findings::{self, Basis, FINDINGS, Finding, Severity};
use crate::target::Answer;

pub use deviations::{Deviations, InvalidList};
pub use sarif::Source;

/// The outcome of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The API answered as it must.
    Pass,
    /// It did not.
    Fail,
    /// The run cannot tell. Never counts.
    Undecided,
}

/// Which failed rows count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Counts tokens that were accepted against a rule of an RFC, which holds for every API.
    Rfc,
    /// That, and Entra's own validation rules.
    #[default]
    Entra,
    /// Everything, with wrong refusals, the leeway and `typ`.
    Strict,
}

/// The result of sending a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    Answer(Answer),
    /// The connection was closed without an answer.
    Closed,
    TimedOut,
    Unreachable,
}

/// A row of a report, for one thing that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The stable id.
    pub id: String,
    /// The id of the finding that a failure is evidence of.
    pub finding: String,
    /// A description of what was sent. It never contains a whole token.
    pub sent: String,
    /// What had to come back.
    pub expected: String,
    /// The rule behind the row, as an RFC section, a page of Entra's documentation, or a CVE of the same class.
    pub why: String,
    /// How to fix a failure.
    pub remedy: String,
    /// What came back.
    pub came: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The severity of the failure; `None` if the row did not fail.
    pub severity: Option<Severity>,
    /// A remark, such as a time.
    pub note: Option<String>,
    /// Whether the failure counts under the report's profile, and is neither allowed nor in the baseline.
    pub counts: bool,
    /// Why the failure does not count although it would under the profile. It is the reason of an allowed deviation, or
    /// the baseline.
    pub excused: Option<String>,
    /// The finding that an acceptance would have been evidence of, for a refusal in a wrong way.
    #[serde(skip)]
    cause: Option<&'static str>,
}

/// A mistake of the API, with the rows that show it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportedFinding {
    /// The stable id.
    pub id: String,
    /// What is wrong.
    pub title: String,
    /// The worst severity among the finding's rows.
    pub severity: Severity,
    /// The rule that is broken.
    pub why: String,
    /// How to fix it.
    pub remedy: String,
    /// Whether one of the finding's rows counts.
    pub counts: bool,
    /// The ids of the failed rows.
    pub rows: Vec<String>,
}

/// How many rows had which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that passed.
    pub pass: usize,
    /// Failed rows of severity fatal.
    pub fatal: usize,
    /// Failed rows of severity strict.
    pub strict: usize,
    /// Failed rows of severity polite.
    pub polite: usize,
    /// Rows that the run cannot tell.
    pub undecided: usize,
    /// Failed rows that count.
    pub counting: usize,
}

/// The report of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The version of the suite.
    pub version: String,
    /// The API under test.
    pub target: String,
    /// The routes under test.
    pub routes: Vec<String>,
    /// What counts.
    pub profile: Profile,
    /// When the run began.
    pub started: Timestamp,
    /// The duration of the run, in seconds.
    pub seconds: f64,
    /// Whether all phases ran to their end.
    pub complete: bool,
    /// Why the run could not go on, if it ended by an error.
    #[serde(default)]
    pub problem: Option<String>,
    /// The seconds after a token's end for which the API accepts it, if that was found.
    pub leeway_seconds: Option<u64>,
    /// How many rows had which outcome.
    pub counts: Counts,
    /// The mistakes, the worst first.
    pub findings: Vec<ReportedFinding>,
    /// All rows, in the order of the run.
    pub rows: Vec<Row>,
    /// Rows that failed in the baseline and pass now.
    #[serde(default)]
    pub fixed: Vec<String>,
    /// Entries of the list of allowed deviations whose end date is past, or that fit no failed row.
    #[serde(default)]
    pub stale: Vec<String>,
}

impl Row {
    pub(crate) fn new(id: &str, finding: &Finding, sent: &str, expected: &str) -> Self {
        let mut row = Self {
            id: id.to_owned(),
            finding: String::new(),
            sent: sent.to_owned(),
            expected: expected.to_owned(),
            why: String::new(),
            remedy: String::new(),
            came: String::new(),
            outcome: Outcome::Pass,
            severity: None,
            note: None,
            counts: false,
            excused: None,
            cause: None,
        };
        row.assign(finding);
        row
    }

    /// Makes the row evidence of a finding.
    fn assign(&mut self, finding: &Finding) {
        finding.id.clone_into(&mut self.finding);
        finding.why.clone_into(&mut self.why);
        finding.remedy.clone_into(&mut self.remedy);
    }

    pub(crate) fn came(mut self, came: &Came) -> Self {
        self.came = came.to_string();
        self
    }

    /// Marks the row as failed.
    pub(crate) fn failed(mut self) -> Self {
        self.outcome = Outcome::Fail;
        self.severity = findings::named(&self.finding).map(|finding| finding.severity);
        self
    }

    /// Marks the row as refused in a wrong way.
    pub(crate) fn wrongly_refused(mut self, how: &str) -> Self {
        self.cause = findings::named(&self.finding).map(|finding| finding.id);
        if let Some(refusal) = findings::named("refusal") {
            self.assign(refusal);
        }
        self.failed().note(Some(how.to_owned()))
    }

    pub(crate) fn undecided(mut self, why: &str) -> Self {
        self.outcome = Outcome::Undecided;
        self.note(Some(why.to_owned()))
    }

    pub(crate) fn note(mut self, note: Option<String>) -> Self {
        self.note = note.or(self.note);
        self
    }

    /// Returns whether the row failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.outcome == Outcome::Fail
    }
}

impl Profile {
    fn counts(self, row: &Row) -> bool {
        let basis = findings::named(&row.finding).map(|finding| finding.basis);
        let is_accepted = row.severity.is_some_and(|severity| severity > Severity::Polite);
        row.has_failed()
            && match self {
                Self::Rfc => is_accepted && basis == Some(Basis::Rfc),
                Self::Entra => is_accepted && basis != Some(Basis::Choice),
                Self::Strict => true,
            }
    }
}

impl Report {
    /// Attributes the rows of a run to their causes, and counts those that the profile and the deviations let count.
    pub(crate) fn finish(&mut self, deviations: &Deviations) {
        let failed: Vec<String> =
            self.rows.iter().filter(|row| row.has_failed()).map(|row| row.finding.clone()).collect();
        for row in self.rows.iter_mut().filter(|row| row.has_failed()) {
            // A forged token that is refused for its roles was taken for authentic.
            let of = findings::named(row.cause.unwrap_or(&row.finding));
            let causes = of.map_or(&[][..], |finding| finding.implied_by).iter().copied().chain(row.cause);
            let cause = causes.into_iter().find(|cause| failed.iter().any(|id| id == cause));
            if let Some(cause) = cause.and_then(findings::named) {
                row.note = row.note.take().or_else(|| Some("follows from that finding".to_owned()));
                row.assign(cause);
            }
        }
        for row in &mut self.rows {
            row.excused = if self.profile.counts(row) { deviations.excuse(row) } else { None };
            row.counts = self.profile.counts(row) && row.excused.is_none();
        }
        self.fixed = deviations.fixed(&self.rows);
        self.stale = deviations.stale(&self.rows);
        self.counts = Counts::count(&self.rows);
        self.findings = FINDINGS.iter().filter_map(|finding| reported(finding, &self.rows)).collect();
    }

    /// Returns whether something counts.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.counts.counting > 0
    }

    /// Returns the verdict in one word.
    fn verdict(&self) -> &'static str {
        match (self.has_failed(), self.complete) {
            (true, _) => "Failed",
            (false, true) => "Passed",
            (false, false) => "Incomplete",
        }
    }

    /// Returns why rows are missing, if the run ended early.
    fn why_incomplete(&self) -> Option<String> {
        let why = self.problem.as_deref().unwrap_or("it was interrupted");
        (!self.complete).then(|| format!("the run ended early, so rows are missing: {why}"))
    }

    /// Returns the report as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    fn rows_of<'a>(&'a self, finding: &'a ReportedFinding) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(|row| row.has_failed() && row.finding == finding.id)
    }
}

fn reported(finding: &Finding, rows: &[Row]) -> Option<ReportedFinding> {
    let own: Vec<&Row> = rows.iter().filter(|row| row.has_failed() && row.finding == finding.id).collect();
    Some(ReportedFinding {
        id: finding.id.to_owned(),
        title: finding.title.to_owned(),
        severity: own.iter().filter_map(|row| row.severity).max()?,
        why: finding.why.to_owned(),
        remedy: finding.remedy.to_owned(),
        counts: own.iter().any(|row| row.counts),
        rows: own.iter().map(|row| row.id.clone()).collect(),
    })
}

impl Counts {
    fn count(rows: &[Row]) -> Self {
        let failed = |severity| rows.iter().filter(|row| row.severity == Some(severity)).count();
        let with = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
        Self {
            pass: with(Outcome::Pass),
            fatal: failed(Severity::Fatal),
            strict: failed(Severity::Strict),
            polite: failed(Severity::Polite),
            undecided: with(Outcome::Undecided),
            counting: rows.iter().filter(|row| row.counts).count(),
        }
    }
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answer(answer) => answer.fmt(f),
            Self::Closed => f.write_str("the connection was closed without an answer"),
            Self::TimedOut => f.write_str("no answer within 15 s"),
            Self::Unreachable => f.write_str("no connection"),
        }
    }
}

impl std::fmt::Display for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Rfc => "rfc",
            Self::Entra => "entra",
            Self::Strict => "strict",
        })
    }
}
