//! The result of one check.

use serde::Serialize;

/// The maximum length of a text in characters; texts from peers can have any length.
const MAX_TEXT: usize = 400;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Pass,
    /// The check passed, but an operator should act.
    Warning,
    Fail,
    /// It could not be run.
    Skipped,
}

/// The result of a check in one line, with the step that fixes a warning or failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) outcome: Outcome,
    pub(super) found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn pass(found: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Pass, found: plain(found.as_ref()), remedy: None }
    }

    pub(super) fn warning(found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Warning, remedy: Some(plain(remedy.as_ref())), ..Self::pass(found) }
    }

    pub(super) fn fail(found: impl AsRef<str>, remedy: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Fail, ..Self::warning(found, remedy) }
    }

    /// Creates the finding of a check that could not run, with the reason.
    pub(super) fn skipped(reason: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::pass(reason) }
    }
}

/// Escapes a text for one line of a terminal. It keeps visible ASCII characters and limits the length.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for character in text.chars().take(MAX_TEXT) {
        match character {
            ' ' | '\r' | '\n' | '\t' => plain.push(' '),
            visible if visible.is_ascii_graphic() => plain.push(visible),
            other => plain.extend(other.escape_unicode()),
        }
    }
    if text.chars().nth(MAX_TEXT).is_some() {
        plain.push_str("...");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_text_stays_in_one_line_and_cannot_control_the_terminal() {
        let found = Finding::pass("a\r\nb\u{1b}[31m\u{202e}x").found;
        assert_eq!(found, "a  b\\u{1b}[31m\\u{202e}x");
        assert!(Finding::skipped("x".repeat(10_000)).found.len() < 500);
    }
}
