//! What a 401 asks for (RFC 6750 section 3, and Entra's claims challenges).
//!
//! <https://learn.microsoft.com/entra/identity-platform/claims-challenge>

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, header};
use http_auth::{ChallengeRef, parse_challenges};
use serde_json::{Map, Value};

/// The longest `claims` that are passed on to the authority, in bytes.
const MAX_CLAIMS: usize = 4096;

/// What a token's refusal is answered with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// `invalid_token`: another token.
    InvalidToken,
    /// `insufficient_claims`: a token with these claims, JSON as it goes to the token endpoint.
    InsufficientClaims(String),
}

impl Challenge {
    /// The challenge of the scheme `Bearer`, if there is one that a client can do something about.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let challenges = texts.iter().filter_map(|text| parse_challenges(text).ok()).flatten();
        challenges
            .filter(|challenge| challenge.scheme.eq_ignore_ascii_case("Bearer"))
            .find_map(|c| of_bearer(&c))
    }
}

fn of_bearer(challenge: &ChallengeRef<'_>) -> Option<Challenge> {
    match parameter(challenge, "error")?.as_str() {
        "invalid_token" => Some(Challenge::InvalidToken),
        "insufficient_claims" => claims(&parameter(challenge, "claims")?).map(Challenge::InsufficientClaims),
        _ => None,
    }
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let (_, value) = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
    Some(value.to_unescaped())
}

/// A JSON object in base64, of either alphabet and padded or not.
fn claims(encoded: &str) -> Option<String> {
    const LENIENT: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    if encoded.len() > MAX_CLAIMS {
        return None;
    }
    let standard: String = encoded
        .chars()
        .map(|c| {
            if c == '-' {
                '+'
            } else if c == '_' {
                '/'
            } else {
                c
            }
        })
        .collect();
    let decoded = GeneralPurpose::new(&alphabet::STANDARD, LENIENT).decode(standard).ok()?;
    let object: Map<String, Value> = serde_json::from_slice(&decoded).ok()?;
    serde_json::to_string(&object).ok()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn of(values: &[&str]) -> Option<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        Challenge::of(&headers)
    }

    #[test]
    fn the_bearer_challenge_is_found_wherever_it_stands() {
        for values in [
            &[r#"Bearer error="invalid_token""#][..],
            &[r#"bearer realm="a, Bearer error=\"x\"", ERROR=invalid_token"#],
            &[r#"Basic realm="x", Bearer error="invalid_token", error_description="expired""#],
            &["Negotiate", r#"Bearer error="invalid_token""#],
        ] {
            assert_eq!(of(values), Some(Challenge::InvalidToken), "{values:?}");
        }
        for values in [
            &[][..],
            &["Bearer"],
            &[r#"Bearer realm="x""#],
            &[r#"DPoP error="invalid_token""#],
            &[r#"Bearer error="insufficient_scope", scope="Resource.Read""#],
            &[r#"Bearer error="invalid_token"#],
        ] {
            assert_eq!(of(values), None, "{values:?}");
        }
    }

    #[test]
    fn claims_are_a_json_object_of_bounded_size() {
        let of_claims = |claims: &str| {
            of(&[&format!(
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
        assert_eq!(of(&[r#"Bearer error="insufficient_claims""#]), None);
    }
}
