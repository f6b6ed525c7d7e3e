//! What the resource says of a failure, without the token that it was sent.

use std::borrow::Cow;

use entra_shared::problem::Problem;
use http::HeaderValue;

use entra_token::Redaction;

/// The problem with each of its texts redacted.
pub(super) fn problem(problem: Problem, redaction: &Redaction<'_>) -> Problem {
    let word = |text: Cow<'static, str>| Cow::Owned(redaction.text(&text));
    Problem {
        kind: word(problem.kind),
        title: word(problem.title),
        detail: problem.detail.map(|detail| redaction.text(&detail)),
        code: word(problem.code),
        ..problem
    }
}

/// The challenge redacted; one that is no text is none.
pub(super) fn challenge(challenge: &HeaderValue, redaction: &Redaction<'_>) -> Option<HeaderValue> {
    HeaderValue::try_from(redaction.text(challenge.to_str().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn every_text_of_a_problem_and_a_challenge_are_seen_to() {
        let token = "canary+a/b.canary-of-a-payload.signature==";
        let redaction = Redaction::of_token(token);
        let word = || Cow::Owned(format!("Bearer {token}"));
        let said = Problem { kind: word(), title: word(), code: word(), ..Problem::new(StatusCode::OK, "x") };
        let shown = format!("{:?}", problem(said.detail(token), &redaction));
        assert!(!shown.contains("canary") && shown.matches("[redacted]").count() == 4, "{shown}");
        let said = HeaderValue::try_from(format!("Bearer realm=\"{token}\"")).unwrap();
        assert_eq!(challenge(&said, &redaction).unwrap(), "Bearer realm=\"[redacted]\"");
        assert_eq!(challenge(&HeaderValue::from_bytes(b"\xff").unwrap(), &redaction), None);
    }
}
