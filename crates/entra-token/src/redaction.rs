//! Removes secrets from messages of a peer, for errors and logs.
//!
//! A peer or a proxy may repeat a secret that it was sent, in a message of its own or with the request's headers.

use std::cmp::Reverse;

/// The replacement of a secret.
const REDACTED: &str = "[redacted]";

/// The shortest part of a token that is redacted by itself. A shorter one may be an ordinary word.
const MIN_PART: usize = 16;

/// Secrets that a peer may repeat, in any encoding.
pub struct Redaction<'s> {
    /// The longest first, since one may be a prefix of another.
    secrets: Vec<&'s str>,
}

impl std::fmt::Debug for Redaction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redaction").finish_non_exhaustive()
    }
}

impl<'s> Redaction<'s> {
    /// Creates a redaction of these secrets.
    pub fn new(secrets: impl IntoIterator<Item = &'s str>) -> Self {
        let mut secrets: Vec<&str> = secrets.into_iter().collect();
        secrets.sort_by_key(|secret| Reverse(secret.len()));
        Self { secrets }
    }

    /// Creates a redaction of a token or an assertion, and of each of its parts.
    ///
    /// A truncated message may contain only some parts of a JWT.
    #[must_use]
    pub fn for_token(token: &'s str) -> Self {
        Self::new(token.split('.').filter(|part| part.len() >= MIN_PART).chain([token]))
    }

    /// Removes the secrets from a message.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.pieces(text).collect()
    }

    /// Removes secrets and control characters from a message, and shortens it to one line of `most` characters.
    ///
    /// Finds a secret even if it extends beyond the end of the line.
    #[must_use]
    pub fn line(&self, text: &str, most: usize) -> String {
        let (mut line, mut left) = (String::new(), most);
        for piece in self.pieces(text) {
            if left == 0 {
                return line + "…";
            }
            line.extend(piece.chars().map(|character| if character.is_control() { ' ' } else { character }));
            left = left.saturating_sub(piece.chars().count());
        }
        line
    }

    /// Returns the characters of a message, with the replacement in place of each secret.
    fn pieces<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let first = rest.chars().next()?;
            let (character, after_character) = rest.split_at(first.len_utf8());
            let after_secret = self.secrets.iter().find_map(|secret| strip(rest, secret));
            rest = after_secret.unwrap_or(after_character);
            Some(if after_secret.is_some() { REDACTED } else { character })
        })
    }
}

/// Strips the secret from the start of the text, with each of its characters in any encoding.
///
/// One encoding may be a prefix of another, as `%` of `%25`, so all that match are followed in parallel.
fn strip<'t>(text: &'t str, secret: &str) -> Option<&'t str> {
    let mut wanted = secret.chars();
    // Usually not even the first character matches, and nothing is allocated.
    let mut rests: Vec<&str> = encodings(text, wanted.next()?).into_iter().flatten().collect();
    for wanted in wanted {
        if rests.is_empty() {
            return None;
        }
        rests = rests.into_iter().flat_map(|rest| encodings(rest, wanted)).flatten().collect();
        // All are suffixes of the text, so those of equal length are equal.
        rests.sort_unstable_by_key(|rest| rest.len());
        rests.dedup_by_key(|rest| rest.len());
    }
    rests.first().copied()
}

/// Strips one character from the start of the text, in each of its encodings.
///
/// They are those of a form (`application/x-www-form-urlencoded`), of a URL (RFC 3986 section 2.1) and of JSON
/// (RFC 8259 section 7).
fn encodings(text: &str, wanted: char) -> [Option<&str>; 6] {
    let form_space = if wanted == ' ' { text.strip_prefix('+') } else { None };
    [
        text.strip_prefix(wanted),
        form_space,
        percent_encoded(text, wanted),
        text.strip_prefix('\\').and_then(|text| text.strip_prefix(wanted)),
        escaped(text, wanted),
        unicode_escaped(text, wanted),
    ]
}

fn percent_encoded(text: &str, wanted: char) -> Option<&str> {
    let mut bytes = [0; 4];
    wanted
        .encode_utf8(&mut bytes)
        .bytes()
        .try_fold(text, |rest, byte| hex(rest.strip_prefix('%')?, byte.into(), 2))
}

/// Strips an escape such as `\n`.
fn escaped(text: &str, wanted: char) -> Option<&str> {
    let letter = match wanted {
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        _ => return None,
    };
    text.strip_prefix('\\')?.strip_prefix(letter)
}

/// Strips an escape such as `\u0026`, or the two of a surrogate pair.
fn unicode_escaped(text: &str, wanted: char) -> Option<&str> {
    let mut units = [0; 2];
    wanted
        .encode_utf16(&mut units)
        .iter()
        .try_fold(text, |rest, unit| hex(rest.strip_prefix("\\u")?, *unit, 4))
}

/// Strips `number`, written in `digits` hexadecimal digits of either case, from the start of `text`.
fn hex(text: &str, number: u16, digits: usize) -> Option<&str> {
    let (head, rest) = text.split_at_checked(digits)?;
    let is_hex = head.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_hex && u16::from_str_radix(head, 16) == Ok(number)).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let secret = "canary~+&=% \u{fc}\"\\/\u{1f600}";
        let form: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let percent = secret.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat();
        let json = serde_json::to_string(secret).unwrap();
        let json = json.trim_matches('"');
        let unicode_escaped =
            secret.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<Vec<_>>().concat();
        for spelling in [
            secret.to_owned(),
            form.clone(),
            form.to_lowercase(),
            form.replace('+', "%20"),
            percent.clone(),
            percent.to_lowercase(),
            json.to_owned(),
            json.replace('/', "\\/"),
            unicode_escaped.clone(),
            unicode_escaped.to_lowercase().replace("\\U", "\\u"),
            secret.replace('~', "%7E").replace('&', "\\u0026"),
        ] {
            let line = Redaction::new([secret]).line(&format!("client_secret={spelling}&x=1"), 300);
            assert_eq!(line, "client_secret=[redacted]&x=1", "{spelling}");
        }
    }

    #[test]
    fn a_spelling_that_begins_another_one_hides_no_secret() {
        for (secret, text) in
            [("%2", "%252"), ("%25", "%25"), ("%25%", "%25%25"), ("++ ", "%2B++"), ("\\\\", "\\\\\\")]
        {
            assert!(strip(text, secret).is_some(), "{secret} in {text}");
        }
        assert_eq!(strip("canar", "canary"), None);
        assert_eq!(strip("can\u{e4}ry", "canary"), None);
    }

    #[test]
    fn a_line_is_bounded_and_a_secret_at_its_end_is_not_cut() {
        let redaction = Redaction::new(["canary-canary"]);
        assert_eq!(redaction.line("a\r\n\u{1b}[31mb", 300), "a   [31mb");
        assert_eq!(redaction.line("abc", 3), "abc");
        assert_eq!(redaction.line("abcd", 3), "abc…");
        assert_eq!(redaction.line("abcanary-canary", 4), "ab[redacted]");
        let text = format!("ab {} c", "canary-canary ".repeat(1000));
        let line = redaction.line(&text, 40);
        assert!(line.chars().count() < 60 && !line.contains("canary"), "{line}");
    }
    #[test]
    fn a_token_and_its_parts_are_taken_out_of_a_text_that_is_otherwise_kept() {
        let token = "canary+a/b.canary-of-a-payload.signature==";
        let redaction = Redaction::for_token(token);
        for written in [
            token,
            "canary+a\\/b.canary-of-a-payload.signature==",
            "canary%2Ba%2Fb.canary-of-a-payload.signature%3D%3D",
            "canary%2ba%2Fb%2ecanary%2Dof-a-payload.signature=%3d",
            "canary\\u002ba\\u002Fb.canary-of-a-payload.signature==",
            "canary+a/b.canary-of\\-a-payload\\.signature==",
            "canary-of-a-payload",
        ] {
            let text = format!("<{written}> ü\n{written}");
            assert_eq!(redaction.text(&text), "<[redacted]> ü\n[redacted]");
        }
        for other in ["", "the signature is wrong", "canary", "100 %", "a\\", "c%6", "%zz\\u00"] {
            assert_eq!(redaction.text(other), other);
        }
    }

    #[test]
    fn the_longer_of_two_secrets_is_taken_out_whole_whichever_is_named_first() {
        for secrets in [["canary", "canary-canary"], ["canary-canary", "canary"]] {
            assert_eq!(
                Redaction::new(secrets).text("a canary-canary, a canary"),
                "a [redacted], a [redacted]"
            );
        }
    }
}
