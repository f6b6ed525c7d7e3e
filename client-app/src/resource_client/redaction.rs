//! Takes a token out of what came back from whoever was sent it.
//!
//! A resource, or a proxy before it, may put the request's headers into its answer.

use std::borrow::Cow;

use http::HeaderValue;
use shared::problem::Problem;
use shared::secret::AccessToken;

/// What stands in the token's place.
const REDACTED: &str = "[redacted]";

/// The shortest part of a token that is taken out by itself; a shorter one may be an ordinary word.
const MIN_PART: usize = 16;

/// The texts that are taken out, the longest first: the token, and its parts.
pub(super) struct Redaction<'t>(Vec<&'t str>);

impl<'t> Redaction<'t> {
    pub(super) fn of(token: &'t AccessToken) -> Self {
        // Of a text that was cut off, what is left of a JWT says much by itself.
        let parts = token.expose().split('.').filter(|part| part.len() >= MIN_PART);
        let mut texts: Vec<&str> = parts.chain([token.expose()]).collect();
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        Self(texts)
    }

    pub(super) fn text(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| without(&text, secret))
    }

    pub(super) fn problem(&self, problem: Problem) -> Problem {
        let word = |text: Cow<'static, str>| Cow::Owned(self.text(&text));
        Problem {
            kind: word(problem.kind),
            title: word(problem.title),
            detail: problem.detail.map(|detail| self.text(&detail)),
            code: word(problem.code),
            ..problem
        }
    }

    /// A challenge that is no text is none.
    pub(super) fn challenge(&self, challenge: &HeaderValue) -> Option<HeaderValue> {
        HeaderValue::try_from(self.text(challenge.to_str().ok()?)).ok()
    }
}

/// The text with the secret taken out wherever it stands.
fn without(text: &str, secret: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text.chars();
    loop {
        if let Some(after) = secret.chars().try_fold(rest.as_str(), after) {
            kept.push_str(REDACTED);
            rest = after.chars();
        } else if let Some(c) = rest.next() {
            kept.push(c);
        } else {
            return kept;
        }
    }
}

/// What comes after a character, which may be written as it is, escaped as in JSON, or percent-encoded.
fn after(text: &str, c: char) -> Option<&str> {
    let escaped = || text.strip_prefix('\\')?.strip_prefix(c);
    let by_code = |prefix, digits| {
        let (code, rest) = text.strip_prefix(prefix)?.split_at_checked(digits)?;
        (u32::from_str_radix(code, 16).ok()? == u32::from(c)).then_some(rest)
    };
    text.strip_prefix(c).or_else(escaped).or_else(|| by_code("%", 2)).or_else(|| by_code("\\u", 4))
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    const TOKEN: &str = "canary+a/b.canary-of-a-payload.signature==";

    fn token() -> AccessToken {
        AccessToken::parse(TOKEN).unwrap()
    }

    #[test]
    fn a_token_is_taken_out_however_it_is_written() {
        for written in [
            TOKEN,
            "canary+a\\/b.canary-of-a-payload.signature==",
            "canary%2Ba%2Fb.canary-of-a-payload.signature%3D%3D",
            "canary%2ba%2Fb%2ecanary%2Dof-a-payload.signature=%3d",
            "canary\\u002ba\\u002Fb.canary-of-a-payload.signature==",
            "canary-of-a-payload",
        ] {
            let text = format!("<{written}> ü {written}");
            assert_eq!(Redaction::of(&token()).text(&text), "<[redacted]> ü [redacted]");
        }
        for other in ["", "the signature is wrong", "canary", "100 %", "a\\", "c%6", "%zz\\u00"] {
            assert_eq!(Redaction::of(&token()).text(other), other);
        }
    }

    #[test]
    fn every_text_of_a_problem_and_a_challenge_are_seen_to() {
        let token = token();
        let redaction = Redaction::of(&token);
        let word = || Cow::Owned(format!("Bearer {TOKEN}"));
        let problem =
            Problem { kind: word(), title: word(), code: word(), ..Problem::new(StatusCode::OK, "x") };
        let shown = format!("{:?}", redaction.problem(problem.detail(TOKEN)));
        assert!(!shown.contains("canary") && shown.matches("[redacted]").count() == 4, "{shown}");
        let challenge = HeaderValue::try_from(format!("Bearer realm=\"{TOKEN}\"")).unwrap();
        assert_eq!(redaction.challenge(&challenge).unwrap(), "Bearer realm=\"[redacted]\"");
        assert_eq!(redaction.challenge(&HeaderValue::from_bytes(b"\xff").unwrap()), None);
    }
}
