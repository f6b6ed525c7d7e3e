//! Formats errors with their sources.

use std::error::Error;

/// Formats an error and its sources in one line, outermost first.
#[must_use]
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for text in std::iter::successors(Some(error), |error| (*error).source()).map(ToString::to_string) {
        // Some errors repeat their source in their own text.
        if !line.ends_with(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    line.replace(['\r', '\n'], " ")
}
