//! Parses the challenge of a 401 (RFC 6750 section 3, and Entra's claims challenges).
//!
//! <https://learn.microsoft.com/entra/identity-platform/claims-challenge>

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, header};
use http_auth::{ChallengeRef, parse_challenges};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest `claims` that are sent to the authority, in bytes.
const MAX_CLAIMS: usize = 4096;

/// The kind of token that the API demands when it refuses one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// `invalid_token`: a new token.
    InvalidToken,
    /// The API demands a token with these claims (`insufficient_claims`), which are JSON for the token endpoint.
    InsufficientClaims(String),
}

impl Challenge {
    /// Finds a `Bearer` challenge that a new token can answer.
    pub(super) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let challenges = texts.iter().filter_map(|text| parse_challenges(text).ok()).flatten();
        challenges
            .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"))
            .find_map(|challenge| parse_bearer(&challenge))
    }
}

/// The reason codes with which `entra-guard` answers 403 although another token would not change the decision.
const FINAL: [&str; 6] = [
    "agent_not_allowed",
    "client_not_allowed",
    "credential_too_weak",
    "not_app_only",
    "not_creator",
    "vetoed",
];

/// Returns whether a 403 is caused by a missing role. The problem's code decides, or else `insufficient_scope` (RFC
/// 6750 section 3.1).
pub(super) fn lacks_role(headers: &HeaderMap, body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Problem {
        code: String,
    }
    let code = serde_json::from_slice(body).ok().map(|problem: Problem| problem.code);
    match code.as_deref() {
        Some("role_missing") => true,
        Some(code) if FINAL.contains(&code) => false,
        _ => errors(headers).any(|error| error == "insufficient_scope"),
    }
}

/// Returns the `error` attribute of each `Bearer` challenge.
fn errors(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
    let challenges = values.filter_map(|value| parse_challenges(value.to_str().ok()?).ok()).flatten();
    let bearer = challenges.filter(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"));
    bearer.filter_map(|challenge| parameter(&challenge, "error"))
}

fn parse_bearer(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    match parameter(challenge, "error")?.as_str() {
        "invalid_token" => Some(Challenge::InvalidToken),
        "insufficient_claims" => {
            decode_claims(&parameter(challenge, "claims")?).map(Challenge::InsufficientClaims)
        }
        _ => None,
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

/// Decodes a JSON object from base64: standard or URL-safe alphabet, padded or not.
fn decode_claims(encoded: &str) -> Option<String> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    if encoded.len() > MAX_CLAIMS {
        return None;
    }
    let standard = encoded.replace('-', "+").replace('_', "/");
    let decoded = GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(standard).ok()?;
    let object: Map<String, Value> = serde_json::from_slice(&decoded).ok()?;
    serde_json::to_string(&object).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn parsed(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::from_headers(&headers)
    }

    #[test]
    fn the_bearer_challenge_is_found_among_others() {
        for values in [
            &[r#"Bearer error="invalid_token""#][..],
            &[r#"bearer realm="a, Bearer error=\"x\"", ERROR=invalid_token"#],
            &[r#"Basic realm="x", Bearer error="invalid_token", error_description="expired""#],
            &["Negotiate", r#"Bearer error="invalid_token""#],
        ] {
            assert_eq!(parsed(values), Some(Challenge::InvalidToken), "{values:?}");
        }
        for values in [
            &[][..],
            &["Bearer"],
            &[r#"Bearer realm="x""#],
            &[r#"DPoP error="invalid_token""#],
            &[r#"Bearer error="insufficient_scope", scope="Resource.Read""#],
            &[r#"Bearer error="invalid_token"#],
        ] {
            assert_eq!(parsed(values), None, "{values:?}");
        }
    }

    #[test]
    fn only_a_missing_role_is_worth_another_token() {
        let mut scope = HeaderMap::new();
        let challenge = HeaderValue::from_static(r#"Bearer error="insufficient_scope", scope="x""#);
        scope.insert(header::WWW_AUTHENTICATE, challenge);
        for (headers, body, expected) in [
            (&HeaderMap::new(), r#"{"code":"role_missing"}"#, true),
            (&scope, "", true),
            (&scope, "<html>", true),
            (&scope, r#"{"code":"of another API"}"#, true),
            (&scope, r#"{"code":"not_creator"}"#, false),
            (&scope, r#"{"code":"client_not_allowed"}"#, false),
            (&scope, r#"{"code":"credential_too_weak"}"#, false),
            (&scope, r#"{"code":"agent_not_allowed"}"#, false),
            (&HeaderMap::new(), "", false),
            (&HeaderMap::new(), r#"{"code":"of another API"}"#, false),
        ] {
            assert_eq!(lacks_role(headers, body.as_bytes()), expected, "{headers:?} {body}");
        }
    }

    #[test]
    fn claims_are_a_json_object_of_bounded_size() {
        let of_claims = |claims: &str| {
            parsed(&[&format!(
                r#"Bearer authorization_uri="https://x", error="insufficient_claims", claims="{claims}""#
            )])
        };
        let json = r#"{"access_token":{"nbf":{"essential":true,"value":"1604106651"}}}"#;
        let expected = Some(Challenge::InsufficientClaims(json.to_owned()));
        let standard = base64::prelude::BASE64_STANDARD.encode(json);
        assert_eq!(of_claims(&standard), expected);
        assert_eq!(of_claims(standard.trim_end_matches('=')), expected);
        assert_eq!(of_claims(&base64::prelude::BASE64_URL_SAFE_NO_PAD.encode(json)), expected);
        for wrong in ["", "!", "WzFd", "MQ==", &"A".repeat(MAX_CLAIMS + 4)] {
            assert_eq!(of_claims(wrong), None, "{wrong}");
        }
        assert_eq!(parsed(&[r#"Bearer error="insufficient_claims""#]), None);
    }
}
