//! The decoded but unverified claims of an access token, for display.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_token::Token;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// An access token's claims for display, with the most important ones at the top. Serializes to JSON.
///
/// A token is opaque to its client, and only the resource may judge its claims.
/// <https://learn.microsoft.com/entra/identity-platform/access-tokens#token-validation>
#[derive(Debug, Serialize)]
pub struct DecodedToken {
    note: &'static str,
    expires_at: Timestamp,
    version: Value,
    roles: Value,
    claims: Option<Map<String, Value>>,
}

impl DecodedToken {
    /// Decodes a token without verifying it. A token that is no JWT has no claims.
    #[must_use]
    pub fn new(token: &Token) -> Self {
        let claims = unverified_claims(token.access_token().expose());
        let claim = |name: &str| claims.as_ref().and_then(|claims| claims.get(name)).cloned();
        Self {
            note: match claims {
                Some(_) => "decoded, not verified: only the resource can tell whether these claims hold",
                None => "the token is not a JWT that can be decoded; its client need not understand it",
            },
            expires_at: token.expires_at(),
            version: claim("ver").unwrap_or_default(),
            // Entra omits the claim if no role was granted.
            roles: claim("roles").unwrap_or_else(|| Value::Array(Vec::new())),
            claims,
        }
    }
}

/// Returns the payload of a JWT; nothing if the text is no JWT.
pub(crate) fn unverified_claims(token: &str) -> Option<Map<String, Value>> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_those_of_the_payload_and_an_opaque_token_has_none() {
        let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"ver":"2.0","roles":["Resource.Read"]}"#);
        let claims = unverified_claims(&format!("header.{payload}.signature")).unwrap();
        assert_eq!(claims["roles"][0], "Resource.Read");
        for opaque in ["opaque", "a.b", "a.b.c", "..", "a.W10.c"] {
            assert!(unverified_claims(opaque).is_none(), "{opaque}");
        }
    }
}
