//! What a check found.

use serde::Serialize;

/// The most characters of a text; what others say can be of any length.
const MAX_TEXT: usize = 400;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Pass,
    /// It works, and somebody should know something.
    Warning,
    Fail,
    /// It could not be made.
    Skipped,
}

/// What a check found, in one line, and the one step that mends it where it needs mending.
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

    /// The check could not be made, for this reason.
    pub(super) fn skipped(reason: impl AsRef<str>) -> Self {
        Self { outcome: Outcome::Skipped, ..Self::pass(reason) }
    }
}

/// A text fit for one line of a terminal, whoever wrote it: visible characters of ASCII, and not too many.
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
    fn what_others_say_stays_in_one_line_and_cannot_speak_to_the_terminal() {
        let found = Finding::pass("a\r\nb\u{1b}[31m\u{202e}x").found;
        assert_eq!(found, "a  b\\u{1b}[31m\\u{202e}x");
        assert!(Finding::skipped("x".repeat(10_000)).found.len() < 500);
    }
}
