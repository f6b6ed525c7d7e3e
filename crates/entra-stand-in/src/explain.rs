//! Explains an AADSTS code (cause, rule, remedy) or an access token (claims, and checks against the directory).

mod checks;
mod code;
mod meaning;
mod token;

use std::fmt;

use entra_shared::settings::KeyProblem;
use jiff::Timestamp;

use crate::directory::Registrations;

/// The longest text to explain, in bytes. It has room for the largest token that fits into a header, with a message
/// around it.
const MAX_BYTES: usize = 64 * 1024;

/// An explanation for people. Its text never contains a token's signature.
#[derive(Debug, Clone)]
pub struct Explanation {
    text: String,
    fine: bool,
}

impl Explanation {
    /// Returns whether every code is known, or every check of the token passed.
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
    /// Explains an AADSTS code, a message that contains one, or an access token, whose times are compared with `now`.
    ///
    /// A token's signature is not verified, so tokens of any issuer can be explained.
    ///
    /// # Errors
    /// The text is none of these. The error does not repeat it, since it may be a secret.
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

/// Makes an untrusted text safe to print by removing control characters and truncating it.
fn printable(text: &str) -> String {
    const MOST: usize = 300;
    let mut shown: String =
        text.chars().take(MOST).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}
