//! What a peer says, made fit for errors and logs.

/// What stands in a secret's place.
const REDACTED: &str = "[redacted]";

/// Secrets that a peer knows and may repeat, in whatever spelling they reached it or its log.
#[derive(Clone, Copy)]
pub(super) struct Redaction<'a> {
    /// The longest first: one may be the beginning of another.
    secrets: &'a [&'a str],
}

impl<'a> Redaction<'a> {
    /// Of these secrets, the longest first.
    pub(super) fn of(secrets: &'a [&'a str]) -> Self {
        Self { secrets }
    }

    /// A text of the network as one line: no secret, no control characters, no more than so many others.
    ///
    /// The text is read no further than the line needs, and a secret is found even where it goes on beyond that.
    pub(super) fn line(self, text: &str, most: usize) -> String {
        let (mut line, mut left, mut rest) = (String::new(), most, text);
        while let Some(first) = rest.chars().next() {
            if left == 0 {
                return line + "…";
            }
            if let Some(after) = self.secrets.iter().find_map(|secret| after(rest, secret)) {
                line.push_str(REDACTED);
                left = left.saturating_sub(REDACTED.len());
                rest = after;
            } else {
                line.push(if first.is_control() { ' ' } else { first });
                left -= 1;
                rest = rest.get(first.len_utf8()..).unwrap_or_default();
            }
        }
        line
    }
}

/// What follows the secret where the text begins with it, each of its characters in whatever spelling.
///
/// A spelling can be the beginning of another one, `%` of `%25`; so all that fit are followed, side by side.
fn after<'t>(text: &'t str, secret: &str) -> Option<&'t str> {
    let mut rests = vec![text];
    for wanted in secret.chars() {
        rests = rests.into_iter().flat_map(|rest| spellings(rest, wanted)).flatten().collect();
        // All of them end where the text ends: of the same length is the same.
        rests.sort_unstable_by_key(|rest| rest.len());
        rests.dedup_by_key(|rest| rest.len());
        if rests.is_empty() {
            return None;
        }
    }
    rests.first().copied()
}

/// What follows the character where the text begins with it: as it is, in a form (`application/x-www-form-urlencoded`),
/// in a URL (RFC 3986 section 2.1) or in JSON (RFC 8259 section 7).
fn spellings(text: &str, wanted: char) -> [Option<&str>; 5] {
    let in_a_form = if wanted == ' ' { text.strip_prefix('+') } else { None };
    [
        text.strip_prefix(wanted),
        in_a_form,
        percent_encoded(text, wanted),
        escaped(text, wanted),
        by_number(text, wanted),
    ]
}

fn percent_encoded(text: &str, wanted: char) -> Option<&str> {
    let mut bytes = [0; 4];
    wanted
        .encode_utf8(&mut bytes)
        .bytes()
        .try_fold(text, |rest, byte| hex(rest.strip_prefix('%')?, byte.into(), 2))
}

/// `\n` and its like.
fn escaped(text: &str, wanted: char) -> Option<&str> {
    let letter = match wanted {
        '"' | '\\' | '/' => wanted,
        '\u{8}' => 'b',
        '\u{c}' => 'f',
        '\n' => 'n',
        '\r' => 'r',
        '\t' => 't',
        _ => return None,
    };
    text.strip_prefix('\\')?.strip_prefix(letter)
}

/// `\u0026` and its like; what is beyond the first plane of Unicode takes two of them.
fn by_number(text: &str, wanted: char) -> Option<&str> {
    let mut units = [0; 2];
    wanted
        .encode_utf16(&mut units)
        .iter()
        .try_fold(text, |rest, unit| hex(rest.strip_prefix("\\u")?, *unit, 4))
}

/// What follows this number in so many hexadecimal digits of either case.
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
        let by_number =
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
            by_number.clone(),
            by_number.to_lowercase().replace("\\U", "\\u"),
            secret.replace('~', "%7E").replace('&', "\\u0026"),
        ] {
            let secrets = [secret];
            let redaction = Redaction::of(&secrets);
            let line = redaction.line(&format!("client_secret={spelling}&x=1"), 300);
            assert_eq!(line, "client_secret=[redacted]&x=1", "{spelling}");
        }
    }

    #[test]
    fn a_spelling_that_begins_another_one_hides_no_secret() {
        for (secret, text) in
            [("%2", "%252"), ("%25", "%25"), ("%25%", "%25%25"), ("++ ", "%2B++"), ("\\\\", "\\\\\\")]
        {
            assert!(after(text, secret).is_some(), "{secret} in {text}");
        }
        assert_eq!(after("canar", "canary"), None);
        assert_eq!(after("can\u{e4}ry", "canary"), None);
    }

    #[test]
    fn a_line_is_bounded_and_a_secret_at_its_end_is_not_cut() {
        let secrets = ["canary-canary"];
        let redaction = Redaction::of(&secrets);
        assert_eq!(redaction.line("a\r\n\u{1b}[31mb", 300), "a   [31mb");
        assert_eq!(redaction.line("abc", 3), "abc");
        assert_eq!(redaction.line("abcd", 3), "abc…");
        assert_eq!(redaction.line("abcanary-canary", 4), "ab[redacted]");
        let text = format!("ab {} c", "canary-canary ".repeat(1000));
        let line = redaction.line(&text, 40);
        assert!(line.chars().count() < 60 && !line.contains("canary"), "{line}");
    }
}
