//! The table of all rows, for the documentation.

use std::fmt::Write;

use crate::admin::{Admin, AdminError};
use crate::findings::{Basis, FINDINGS, Finding};
use crate::rows::{self, OWN_ROWS};

/// Returns all findings with their rows in Markdown; the catalogue's rows come from a stand-in.
///
/// # Errors
/// The stand-in was not reached.
pub async fn table(admin: &Admin, whose: &str) -> Result<String, AdminError> {
    let bad = admin.bad_tokens(whose).await?;
    let good = admin.good_tokens(whose).await?;
    let mut all: Vec<(&Finding, String, String, String)> = Vec::new();
    for row in &OWN_ROWS {
        all.push((rows::named(row.finding), row.id.to_owned(), row.sent.to_owned(), row.expected.to_owned()));
    }
    for row in bad {
        let finding = rows::finding_of_token(&row.name);
        all.push((finding, format!("token/{}", row.name), row.wrong, row.status.to_string()));
    }
    for row in good {
        let finding = rows::named("valid-refused");
        all.push((finding, format!("valid/{}", row.name), row.odd, "as a good token's".to_owned()));
    }
    let mut text = String::from(
        "# The rows of the attack\n\nWritten from the tables in `crates/entra-attack/src/findings.rs` and `rows.rs` and from \
         the stand-in's catalogue.\nEach row is evidence of the finding that it stands under. What is refused in a wrong way \
         is evidence of `refusal`.\n",
    );
    for finding in &FINDINGS {
        let counts = match finding.basis {
            Basis::Rfc => "rfc, entra, strict",
            Basis::Entra => "entra, strict",
            Basis::Choice => "strict",
        };
        let counts = if finding.severity == crate::findings::Severity::Polite { "strict" } else { counts };
        // Writing into a string never fails.
        let _ = write!(
            text,
            "\n## `{}`: {}\n\n- **{}**, counts under: {counts}\n- Rule: {}\n- Remedy: {}\n",
            finding.id,
            finding.title,
            finding.severity.as_str(),
            finding.why,
            finding.remedy
        );
        if !finding.implied_by.is_empty() {
            let _ = writeln!(text, "- Follows from: `{}`", finding.implied_by.join("`, `"));
        }
        let own: Vec<_> = all.iter().filter(|(of, ..)| of.id == finding.id).collect();
        if !own.is_empty() {
            text.push_str("\n| row | sent | expected |\n|---|---|---|\n");
        }
        for (_, id, sent, expected) in own {
            let _ = writeln!(text, "| `{id}` | {} | {expected} |", sent.replace('|', "\\|"));
        }
    }
    Ok(text)
}
