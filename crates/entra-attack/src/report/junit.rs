//! The report as JUnit XML, which Jenkins, GitLab and others read.

use std::time::Duration;

use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::{Outcome, Report, Row};

impl Report {
    /// Returns the report as JUnit XML: a test suite for each group of rows, a test case for each row.
    ///
    /// A row that failed and does not count is skipped, like an undecided one, with the reason as its message.
    #[must_use]
    pub fn to_junit(&self) -> String {
        let mut report = quick_junit::Report::new("entra-attack");
        report.set_time(Duration::from_secs_f64(self.seconds));
        let name = |row: &Row| row.id.split('/').next().unwrap_or_default().to_owned();
        let mut names: Vec<String> = self.rows.iter().map(name).collect();
        names.sort();
        names.dedup();
        for group in names {
            let mut suite = TestSuite::new(group.clone());
            let own = self.rows.iter().filter(|row| name(row) == group);
            suite.add_test_cases(own.map(case));
            report.add_test_suite(suite);
        }
        report.to_string().unwrap_or_default()
    }
}

fn case(row: &Row) -> TestCase {
    let text = format!(
        "sent: {}\nexpected: {}\ncame: {}\nrule: {}\nremedy: {}",
        row.sent, row.expected, row.came, row.why, row.remedy
    );
    let mut status = match (row.outcome, row.counts) {
        (Outcome::Pass, _) => TestCaseStatus::success(),
        (Outcome::Fail, true) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (Outcome::Fail, false) | (Outcome::Undecided, _) => TestCaseStatus::skipped(),
    };
    let why = row.excused.as_deref().or(row.note.as_deref()).unwrap_or_default();
    let severity = row.severity.map_or("undecided", super::Severity::as_str);
    status.set_message(format!("{severity}: {} {why}", row.finding)).set_type(row.finding.clone());
    if row.outcome != Outcome::Pass {
        status.set_description(text);
    }
    let mut case = TestCase::new(row.id.clone(), status);
    case.set_classname(format!("entra.{}", row.finding)).set_time(Duration::ZERO);
    case
}
