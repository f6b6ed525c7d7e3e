//! Removes the access token from what an error response repeats.

use std::borrow::Cow;

use entra_shared::problem::Problem;
use http::HeaderValue;

use entra_token::Redaction;

/// Removes the token from each text of the problem.
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

/// Removes the token from a header field; one that is not text is dropped.
pub(super) fn field(value: &HeaderValue, redaction: &Redaction<'_>) -> Option<HeaderValue> {
    HeaderValue::try_from(redaction.text(value.to_str().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn the_token_is_removed_from_every_text_of_a_problem_and_from_a_challenge() {
        let token = "canary+a/b.canary-of-a-payload.signature==";
        let redaction = Redaction::for_token(token);
        let word = || Cow::Owned(format!("Bearer {token}"));
        let said = Problem { kind: word(), title: word(), code: word(), ..Problem::new(StatusCode::OK, "x") };
        let shown = format!("{:?}", problem(said.detail(token), &redaction));
        assert!(!shown.contains("canary") && shown.matches("[redacted]").count() == 4, "{shown}");
        let said = HeaderValue::try_from(format!("Bearer realm=\"{token}\"")).unwrap();
        assert_eq!(field(&said, &redaction).unwrap(), "Bearer realm=\"[redacted]\"");
        assert_eq!(field(&HeaderValue::from_bytes(b"\xff").unwrap(), &redaction), None);
    }
}
