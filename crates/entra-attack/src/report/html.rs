//! The report as one HTML page that loads nothing.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Outcome, Report, ReportedFinding, Row};

const STYLE: &str = include_str!("style.css");

impl Report {
    /// Returns the report as one HTML page, which loads nothing from anywhere and runs no script.
    #[must_use]
    pub fn to_html(&self) -> String {
        let verdict = self.verdict();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:";
                    link rel="icon" href="data:,";
                    title { (verdict) ": " (self.target) }
                    style { (PreEscaped(STYLE)) }
                }
                body {
                    header {
                        p.verdict.(verdict.to_lowercase()) { (verdict) }
                        h1 { (self.target) }
                        p { "Access tokens of Microsoft Entra ID, profile " strong { (self.profile) } ", "
                            time { (self.started.strftime("%Y-%m-%d %H:%M UTC")) } ", " (format!("{:.0}", self.seconds)) " s." }
                        @if let Some(why) = self.why_incomplete() { p.warning { (why) } }
                        (numbers(self))
                    }
                    main {
                        h2 { "Findings" }
                        @if self.findings.is_empty() { p { "None." } }
                        @for finding in &self.findings { (section(self, finding)) }
                        (undecided(self))
                        (all(self))
                    }
                    footer { "entra-attack " (self.version) }
                }
            }
        };
        page.into_string()
    }
}

fn numbers(report: &Report) -> Markup {
    let counts = &report.counts;
    let leeway = report.leeway_seconds.map_or("unknown".to_owned(), |seconds| format!("{seconds} s"));
    html! {
        dl.numbers {
            @for (name, number) in [
                ("passed", counts.pass), ("fatal", counts.fatal), ("strict", counts.strict),
                ("polite", counts.polite), ("undecided", counts.undecided),
            ] { div { dt { (name) } dd.(name) { (number) } } }
            div { dt { "leeway" } dd { (leeway) } }
        }
        p.routes { @for route in &report.routes { code { (route) } " " } }
    }
}

fn section(report: &Report, finding: &ReportedFinding) -> Markup {
    html! {
        section id=(finding.id) {
            h3 { span.badge.(finding.severity.as_str()) { (finding.severity.as_str()) } " " (with_code(&finding.title)) }
            @if !finding.counts { p.warning { "Does not count in this run." } }
            dl {
                dt { "Rule" } dd { (with_code(&finding.why)) }
                dt { "Remedy" } dd { (with_code(&finding.remedy)) }
            }
            details open[finding.rows.len() <= 8] {
                summary { (how_many(finding.rows.len())) }
                (table(report.rows_of(finding)))
            }
        }
    }
}

fn undecided(report: &Report) -> Markup {
    let rows: Vec<&Row> = report.rows.iter().filter(|row| row.outcome == Outcome::Undecided).collect();
    html! {
        @if !rows.is_empty() { h2 { "Undecided" } (table(rows.into_iter())) }
    }
}

fn all(report: &Report) -> Markup {
    html! {
        h2 { "All rows" }
        details { summary { (how_many(report.rows.len())) } (table(report.rows.iter())) }
    }
}

fn table<'a>(rows: impl Iterator<Item = &'a Row>) -> Markup {
    html! {
        div.scroll tabindex="0" { table {
            thead { tr { th { "Row" } th { "Sent" } th { "Expected" } th { "Came" } th { "Remark" } } }
            tbody {
                @for row in rows {
                    tr.(class(row)) {
                        td { code { (row.id) } }
                        td { (with_code(&row.sent)) } td { (row.expected) } td { (row.came) }
                        td { (row.excused.as_deref().or(row.note.as_deref()).unwrap_or_default()) }
                    }
                }
            }
        } }
    }
}

/// Shows what stands between backticks as code.
fn with_code(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 0 { (part) } @else { code { (part) } }
        }
    }
}

fn how_many(rows: usize) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

fn class(row: &Row) -> &'static str {
    match row.outcome {
        Outcome::Pass => "pass",
        Outcome::Undecided => "open",
        Outcome::Fail => row.severity.map_or("pass", super::Severity::as_str),
    }
}
