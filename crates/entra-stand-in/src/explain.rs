//! What an error code or a token means: its cause and rule, its claims, and what the directory says of them.

mod checks;
mod code;
mod meaning;
mod token;

use std::fmt;

use entra_shared::settings::KeyProblem;
use jiff::Timestamp;

use crate::directory::Registrations;

/// The longest text that is looked at, in bytes: room for the largest token of a header, and a message around it.
const MAX_BYTES: usize = 64 * 1024;

/// An explanation for people. Its text never holds a token's signature.
#[derive(Debug, Clone)]
pub struct Explanation {
    text: String,
    fine: bool,
}

impl Explanation {
    /// Whether every code is known, or every check of the token passed.
    #[must_use]
    pub fn is_fine(&self) -> bool {
        self.fine
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Registrations {
    /// Explains an AADSTS code, a message with one in it, or an access token; the token's times are compared with `now`.
    ///
    /// A token's signature is not verified: what is wrong with a token is explained whoever made it.
    ///
    /// # Errors
    /// The text is none of these. It is not repeated, since it may be a secret.
    pub fn explain(&self, subject: &str, now: Timestamp) -> Result<Explanation, KeyProblem> {
        let unusable = |problem: &str| Err(KeyProblem::new("SUBJECT", problem));
        let subject = subject.trim();
        if subject.len() > MAX_BYTES {
            return unusable("longer than any token or message");
        }
        if let Some(token) = token::Token::read(subject) {
            return Ok(token.explain(self, now));
        }
        let codes = code::codes(subject);
        if !codes.is_empty() {
            return Ok(code::explain(&codes));
        }
        unusable("neither an AADSTS code, nor a message with one, nor a signed JWT")
    }
}

/// A text from elsewhere, safe to print: without control characters, and cut short.
fn printable(text: &str) -> String {
    const MOST: usize = 300;
    let mut shown: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
