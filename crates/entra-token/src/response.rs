//! Validates the authority's response.

use std::time::Duration;

use entra_shared::token_endpoint::{TokenErrorResponse, TokenResponse};
use http::{StatusCode, header};

use super::exchange::RawResponse;
use super::life::Life;
use super::{Malformed, Outage, OutageCause, Proof, Refusal, RequestIds, Token, TokenError};

/// The longest description that an error keeps, in characters.
const MAX_DESCRIPTION: usize = 300;

/// The longest OAuth error code that an error keeps, in characters. The longest registered one has 25.
const MAX_ERROR: usize = 64;

/// The wait of a throttled client without `Retry-After`, as in Microsoft's libraries.
const DEFAULT_WAIT: Duration = Duration::from_mins(1);

/// The OAuth errors that Entra sends with a 400 if the client should retry. RFC 6749 defines the first for redirects.
const TRANSIENT: [&str; 2] = ["temporarily_unavailable", "request_timeout"];

/// Extracts the token from the response to a request with this proof, or the reason why there is none.
pub(super) fn token(response: &RawResponse<'_>, proof: &Proof) -> Result<Token, TokenError> {
    match_request_id(response);
    if response.status != StatusCode::OK {
        return Err(error(response, proof));
    }
    let parsed = success(response).map_err(|problem| response.malformed(problem))?;
    let life = Life::new(parsed.expires_in.map(whole_seconds), parsed.refresh_in.map(whole_seconds));
    Ok(Token::new(parsed.access_token, life, response.sent.at))
}

/// Parses a successful response strictly by RFC 6749 section 5.1; some SDKs accept even `{}` as a token response.
fn success(response: &RawResponse<'_>) -> Result<TokenResponse, Malformed> {
    response.body()?;
    if !is_json(response) {
        return Err(Malformed::ContentType);
    }
    let parsed: TokenResponse = response.json()?;
    if !parsed.token_type.eq_ignore_ascii_case("Bearer") {
        return Err(Malformed::TokenType);
    }
    // The resource would refuse such a token, and it must not be cached.
    if parsed.expires_in.is_some_and(|seconds| seconds < 1.0) {
        return Err(Malformed::Lifetime);
    }
    Ok(parsed)
}

/// Classifies an error. The status takes precedence, since a 429 may be plain text.
fn error(response: &RawResponse<'_>, proof: &Proof) -> TokenError {
    let (status, retry_after) = (response.status, response.retry_after());
    let envelope: Result<TokenErrorResponse, _> = response.json();
    let ids = match &envelope {
        Ok(envelope) => response.ids(&envelope.correlation_id, &envelope.trace_id),
        Err(_) => response.ids("", ""),
    };
    if status == StatusCode::TOO_MANY_REQUESTS {
        return TokenError::Throttled { retry_after: retry_after.unwrap_or(DEFAULT_WAIT), ids };
    }
    let outage = || TokenError::Unavailable(Outage { cause: OutageCause::Status(status), retry_after, ids });
    if status.is_server_error() || status == StatusCode::REQUEST_TIMEOUT {
        return outage();
    }
    match envelope {
        Ok(envelope) if TRANSIENT.contains(&envelope.error.as_str()) => outage(),
        Ok(envelope) if status.is_client_error() && !envelope.error.is_empty() => {
            TokenError::refused(refusal(status, &envelope, ids, proof), proof)
        }
        Err(problem @ (Malformed::TooLarge | Malformed::BrokenOff)) => response.malformed(problem),
        Ok(_) | Err(_) => response.malformed(Malformed::NotAnOAuthError),
    }
}

fn is_json(response: &RawResponse<'_>) -> bool {
    let content_type = response.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    media_type.trim().eq_ignore_ascii_case("application/json")
}

/// Warns if the response has another request's id, which hints at a proxy that mixes up responses.
fn match_request_id(response: &RawResponse<'_>) {
    let sent = response.sent.correlation_id.to_string();
    let returned = response.headers.get("client-request-id");
    if returned.is_some_and(|id| !id.as_bytes().eq_ignore_ascii_case(sent.as_bytes())) {
        tracing::warn!(correlation_id = %sent, "the authority's answer carries another request's id");
    }
}

/// Returns a number of seconds, from zero to the largest duration. `Life` limits it further.
pub(super) fn whole_seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.floor().max(0.0)).unwrap_or(Duration::MAX)
}

fn refusal(status: StatusCode, envelope: &TokenErrorResponse, ids: RequestIds, proof: &Proof) -> Refusal {
    let redaction = proof.redaction();
    Refusal {
        status,
        error: redaction.line(&envelope.error, MAX_ERROR),
        aadsts: envelope.error_codes.first().copied().or_else(|| aadsts(&envelope.error_description)),
        description: redaction.line(first_part(&envelope.error_description), MAX_DESCRIPTION),
        ids,
    }
}

/// Parses the code from a description that starts with `AADSTS`, the code and a colon.
fn aadsts(description: &str) -> Option<u32> {
    description.strip_prefix("AADSTS")?.split_once(':')?.0.parse().ok()
}

/// Returns the description without the ids and the time that follow it.
fn first_part(description: &str) -> &str {
    description.split("Trace ID:").next().unwrap_or_default().trim_end()
}

#[cfg(test)]
mod tests {
    use entra_shared::secret::{ClientAssertion, ClientSecret};
    use http::{HeaderName, HeaderValue};
    use jiff::Timestamp;

    use super::*;
    use crate::exchange::SentRequest;

    fn answer(status: u16, headers: &[(HeaderName, &str)], body: &str) -> Result<Token, TokenError> {
        let proof = Proof::secret("client secret", ClientSecret::parse("canary").unwrap());
        answer_to(&proof, status, headers, body)
    }

    fn answer_to(
        proof: &Proof,
        status: u16,
        headers: &[(HeaderName, &str)],
        body: &str,
    ) -> Result<Token, TokenError> {
        let sent = SentRequest::new(&"https://localhost/token".parse().unwrap());
        let headers = headers
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        token(&RawResponse { sent: &sent, status, headers, body: Ok(body.into()) }, proof)
    }

    fn refused(status: u16, body: &str) -> Refusal {
        match answer(status, &[], body) {
            Err(error) => error.refusal().cloned().unwrap_or_else(|| panic!("{error:?}")),
            Ok(token) => panic!("{token:?}"),
        }
    }

    #[test]
    fn a_wait_is_a_number_of_seconds_or_a_date_and_an_hour_at_most() {
        let in_a_minute = Timestamp::now() + Duration::from_mins(1);
        let date = in_a_minute.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        for (text, least, most) in [
            ("7", 7, 7),
            ("0", 0, 0),
            (" 60 ", 60, 60),
            ("1000000000", 3600, 3600),
            (date.as_str(), 58, 60),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 0, 0),
        ] {
            let error = answer(429, &[(header::RETRY_AFTER, text)], "Too Many Requests").unwrap_err();
            let wait = error.retry_after().unwrap().as_secs();
            assert!((least..=most).contains(&wait), "{text}: {wait}");
        }
        for text in ["-5", "abc", "1.5", "", "1e9"] {
            let error = answer(429, &[(header::RETRY_AFTER, text)], "").unwrap_err();
            assert_eq!(error.retry_after(), Some(DEFAULT_WAIT), "{text}");
        }
    }

    #[test]
    fn a_refusal_keeps_the_code_the_remedy_and_the_ids() {
        let id = "0f0dd5b3-7a63-4b5c-8d3d-2e4f6f0a9d11";
        let refusal = refused(
            401,
            &format!(
                r#"{{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided. Trace ID: {id} Correlation ID: {id}\r\nTimestamp: 2025-06-03 16:13:57Z","error_codes":[7000215],"trace_id":"{id}","correlation_id":"{id}"}}"#
            ),
        );
        assert_eq!(refusal.aadsts, Some(7000215));
        assert_eq!(refusal.description, "AADSTS7000215: Invalid client secret provided.");
        assert_eq!(
            refusal.to_string(),
            format!(
                "AADSTS7000215 (invalid_client). The client secret is wrong. Use the secret's value, not its id; a \
                 new secret takes some seconds to spread. The authority says: \"AADSTS7000215: Invalid client secret \
                 provided.\" Correlation id {id}, trace id {id}"
            )
        );
    }

    #[test]
    fn the_code_is_found_in_the_text_and_an_unknown_one_is_kept() {
        let body = r#"{"error":"invalid_request","error_description":"AADSTS424242: New."}"#;
        let refusal = refused(400, body);
        assert_eq!((refusal.aadsts, refusal.remedy()), (Some(424242), None));
        assert_eq!(refused(400, r#"{"error":"invalid_request"}"#).aadsts, None);
    }

    #[test]
    fn an_assertion_is_to_blame_for_what_entra_says_of_assertions_whatever_its_oauth_error() {
        let secret = Proof::secret("client secret", ClientSecret::parse("canary").unwrap());
        let text = ClientAssertion::parse("canary.canary.canary").unwrap();
        let assertion = Proof::assertion("federated token", text);
        for error in ["invalid_request", "unauthorized_client", "invalid_client"] {
            for (code, is_assertions) in [
                (70021, true),
                (50027, true),
                (700211, true),
                (700212, true),
                (700213, true),
                (7002138, true),
                (700024, true),
                (700025, false),
                (90014, error == "invalid_client"),
                (700016, error == "invalid_client"),
            ] {
                let body = format!(r#"{{"error":"{error}","error_codes":[{code}]}}"#);
                let refused = answer_to(&assertion, 400, &[], &body).unwrap_err();
                assert_eq!(matches!(refused, TokenError::Credential(_)), is_assertions, "{body}");
                let refused = answer_to(&secret, 400, &[], &body).unwrap_err();
                let is_secrets = error == "invalid_client" && code != 700025;
                assert_eq!(matches!(refused, TokenError::Credential(_)), is_secrets, "{body}");
            }
        }
    }

    #[test]
    fn an_error_whose_other_members_are_odd_is_still_an_error() {
        for members in [
            r#""error_description":null,"error_codes":null,"trace_id":null"#,
            r#""error_codes":[5000000000]"#,
            r#""error_codes":["7000222"],"correlation_id":7"#,
        ] {
            let refused =
                answer(401, &[], &format!(r#"{{"error":"invalid_client",{members}}}"#)).unwrap_err();
            assert!(matches!(refused, TokenError::Credential(_)), "{members}: {refused:?}");
        }
    }

    #[test]
    fn the_authoritys_words_are_one_bounded_line_without_the_secret() {
        let body = serde_json::json!({
            "error": format!("canary{}", "e".repeat(10_000)),
            "error_description": format!("the secret \u{1b}[31m'canary'\r\nis wrong\u{7}\t{}", "x".repeat(100_000)),
        });
        let refusal = refused(400, &body.to_string());
        let text = format!("{refusal} {refusal:?}");
        assert!(text.len() < 2000 && !text.contains("canary"), "{text}");
        assert!(!text.chars().any(char::is_control), "{text}");
        assert!(refusal.description.starts_with("the secret  [31m'[redacted]'"), "{text}");
    }

    #[test]
    fn what_may_pass_by_itself_is_told_from_what_was_refused() {
        let envelope = r#"{"error":"temporarily_unavailable"}"#;
        let timeout = r#"{"error":"request_timeout"}"#;
        for (status, body) in
            [(500, ""), (503, "<html>"), (504, envelope), (408, ""), (400, envelope), (400, timeout)]
        {
            let error = answer(status, &[], body).unwrap_err();
            assert!(matches!(error, TokenError::Unavailable(_)), "{status}: {error:?}");
            assert_eq!(error.status().unwrap().as_u16(), status);
        }
    }
}
