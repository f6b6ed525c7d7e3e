//! The report as text for a terminal.

use std::fmt::Write;

use super::{Report, ReportedFinding};

/// How many rows of a finding are named.
const SHOWN: usize = 4;

impl Report {
    /// Returns the report as text, with the findings, their remedies, and the numbers of rows.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for finding in &self.findings {
            // Writing into a string never fails.
            let _ = self.write_finding(&mut text, finding);
        }
        let _ = self.write_summary(&mut text);
        text
    }

    fn write_finding(&self, text: &mut String, finding: &ReportedFinding) -> std::fmt::Result {
        let counts = if finding.counts { "" } else { " (does not count)" };
        writeln!(text, "{:<7} {}{counts}", finding.severity.as_str(), finding.title)?;
        writeln!(text, "        rule    {}", finding.why)?;
        writeln!(text, "        remedy  {}", finding.remedy)?;
        let rows: Vec<_> = self.rows_of(finding).collect();
        for row in rows.iter().take(SHOWN) {
            let note = row.excused.as_deref().or(row.note.as_deref());
            let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
            writeln!(
                text,
                "        row     {}: {}; expected {}, got {}{note}",
                row.id,
                row.sent,
                row.expected,
                came(&row.came)
            )?;
        }
        if rows.len() > SHOWN {
            writeln!(text, "        and {} more of {}", rows.len() - SHOWN, finding.id)?;
        }
        text.push('\n');
        Ok(())
    }

    fn write_summary(&self, text: &mut String) -> std::fmt::Result {
        for row in self.rows.iter().filter(|row| row.outcome == super::Outcome::Undecided) {
            writeln!(text, "undecided  {}: {}", row.id, row.note.as_deref().unwrap_or_default())?;
        }
        for id in &self.fixed {
            writeln!(text, "fixed      {id}")?;
        }
        for entry in &self.stale {
            writeln!(text, "stale      {entry}")?;
        }
        let counts = &self.counts;
        let failed = counts.fatal + counts.strict + counts.polite;
        write!(text, "{} rows in {:.0} s: {} passed, ", self.rows.len(), self.seconds, counts.pass)?;
        write!(
            text,
            "{failed} failed ({} fatal, {} strict, {} polite), ",
            counts.fatal, counts.strict, counts.polite
        )?;
        writeln!(text, "{} undecided", counts.undecided)?;
        if let Some(seconds) = self.leeway_seconds {
            writeln!(text, "leeway for clocks: {seconds} s")?;
        }
        if let Some(why) = self.why_incomplete() {
            writeln!(text, "{why}")?;
        }
        let verdict = self.verdict().to_uppercase();
        writeln!(text, "{verdict} under the profile {}: {} rows count", self.profile, counts.counting)
    }
}

fn came(came: &str) -> &str {
    if came.is_empty() { "what the note says" } else { came }
}
