//! The report as SARIF 2.1.0, as GitHub's code scanning reads it.

use serde_json::{Value, json};

use super::{Outcome, Report, Row};
use crate::findings::{FINDINGS, Finding, Severity};

/// The file that results are shown at, since SARIF needs a place in the repository.
#[derive(Debug, Clone)]
pub struct Source {
    /// The path in the repository, with slashes.
    pub file: String,
}

impl Report {
    /// Returns the report as SARIF 2.1.0: a rule for each finding, a result for each failed row.
    #[must_use]
    pub fn to_sarif(&self, source: &Source) -> String {
        let failed = self.rows.iter().filter(|row| row.outcome == Outcome::Fail);
        let results: Vec<Value> = failed.filter_map(|row| result(row, source)).collect();
        let log = json!({
            "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
            "version": "2.1.0",
            "runs": [{
                "tool": { "driver": {
                    "name": "entra-attack",
                    "version": self.version,
                    "semanticVersion": self.version,
                    "informationUri": "https://learn.microsoft.com/entra/identity-platform/access-tokens",
                    "rules": FINDINGS.iter().map(rule).collect::<Vec<_>>(),
                }},
                "automationDetails": { "id": "entra-attack/" },
                "columnKind": "utf16CodeUnits",
                "invocations": [{ "executionSuccessful": self.complete, "startTimeUtc": self.started }],
                "results": results,
            }],
        });
        format!("{log:#}\n")
    }
}

fn rule(finding: &Finding) -> Value {
    let sentence = |text: &str| format!("{}.", text.trim_end_matches('.'));
    json!({
        "id": finding.id,
        "shortDescription": { "text": sentence(finding.title) },
        "fullDescription": { "text": sentence(&format!("{}. Rule: {}", finding.title, finding.why)) },
        "help": {
            "text": sentence(finding.remedy),
            "markdown": format!("{}\n\n**Rule:** {}", finding.remedy, finding.why),
        },
        "helpUri": "https://learn.microsoft.com/entra/identity-platform/claims-validation",
        "defaultConfiguration": { "level": level(finding.severity) },
        "properties": {
            "tags": ["security", "authentication"],
            "precision": "very-high",
            "problem.severity": if finding.severity == Severity::Polite { "warning" } else { "error" },
            "security-severity": score(finding.severity),
        },
    })
}

fn result(row: &Row, source: &Source) -> Option<Value> {
    let severity = row.severity?;
    let index = FINDINGS.iter().position(|finding| finding.id == row.finding)?;
    let came = if row.came.is_empty() { row.note.as_deref().unwrap_or_default() } else { &row.came };
    let text = format!("{}: sent {}; expected {}, got {came}.", row.id, row.sent, row.expected);
    let mut result = json!({
        "ruleId": row.finding,
        "ruleIndex": index,
        "level": if row.counts { level(severity) } else { "note" },
        "message": { "text": text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": source.file },
            "region": { "startLine": 1 },
        }}],
        "partialFingerprints": { "entraAttackRow/v1": row.id },
        "properties": { "row": row.id },
    });
    if let (Some(excuse), Value::Object(members)) = (&row.excused, &mut result) {
        let suppression = json!({ "kind": "external", "justification": excuse });
        members.insert("suppressions".to_owned(), json!([suppression]));
    }
    Some(result)
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal | Severity::Strict => "error",
        Severity::Polite => "warning",
    }
}

/// Returns the score that GitHub sorts findings by, on the scale of CVSS.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Fatal => "9.8",
        Severity::Strict => "6.5",
        Severity::Polite => "3.1",
    }
}
