//! The syntax of a token: a JWS in compact serialization with the claims of a JWT (RFC 7515, RFC 7519).
//!
//! Parsed here and not by `jsonwebtoken::decode_header`, which accepts `"crit": null`, other extensions and repeated
//! members.

mod compact;
mod examination;
mod header;
mod payload;

use std::fmt;
use std::sync::Arc;

use super::check::pass_all;
use super::claims::Claims;
use super::error::TokenFault;
use super::keys::SigningKey;
use compact::Compact;
pub(super) use examination::Examination;
use header::Header;
use payload::Payload;

/// A well-formed token, of which nothing is verified.
pub(super) struct UnverifiedToken<'t> {
    /// The signed text: header and payload as they were sent.
    message: &'t str,
    /// In canonical base64url.
    signature: &'t str,
    key_id: String,
    claims: Claims,
}

/// Claims with a verified signature, and the id of the key that signed them.
///
/// Only [`UnverifiedToken::verify`] creates one.
pub(super) struct VerifiedClaims {
    claims: Claims,
    key_id: Arc<str>,
}

impl<'t> UnverifiedToken<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenFault> {
        let Compact { message, header, payload, signature } = Compact::split(token)?;
        let (header, payload, signature) = (header.decode()?, payload.decode()?, signature.canonical()?);
        let header = Header::read(&header)?;
        pass_all(header.checks())?;
        let payload = Payload::read(&payload)?;
        pass_all(payload.checks())?;
        Self::assemble(message, header, payload, signature)
    }

    fn assemble(
        message: &'t str,
        header: Header,
        payload: Payload,
        signature: &'t str,
    ) -> Result<Self, TokenFault> {
        let key_id = header.into_key_id().ok_or(TokenFault::KeyId)?;
        Ok(Self { message, signature, key_id, claims: payload.claims })
    }

    /// The `kid` of the token.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The claims, which anyone may have written.
    pub(super) fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// Verifies the signature, with RS256 whatever the header says.
    pub(super) fn verify(self, key: &SigningKey) -> Result<VerifiedClaims, TokenFault> {
        if key.has_signed(self.message.as_bytes(), self.signature) {
            Ok(VerifiedClaims { claims: self.claims, key_id: Arc::clone(key.id()) })
        } else {
            Err(TokenFault::Signature)
        }
    }
}

impl VerifiedClaims {
    /// Wraps claims as if a key had signed them.
    #[cfg(test)]
    pub(super) fn for_test(claims: Claims) -> Self {
        Self { claims, key_id: "K1".into() }
    }

    /// The claims, and the `kid` of the key that signed them.
    pub(super) fn into_parts(self) -> (Claims, Arc<str>) {
        (self.claims, self.key_id)
    }
}

impl fmt::Debug for UnverifiedToken<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnverifiedToken").finish_non_exhaustive()
    }
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::compact::MAX_TOKEN_BYTES;
    use super::header::MAX_KEY_ID_BYTES;
    use super::*;
    use crate::authentication::test_token::{HEADER, claims, compact, segment};

    /// The fault that the validator finds, which the examination must find too.
    fn fault_of(token: &str) -> Option<TokenFault> {
        let fault = UnverifiedToken::parse(token).err();
        let examination = Examination::examine(token);
        let failed: Vec<_> = examination.checks.iter().filter(|(_, passed)| !passed).collect();
        assert_eq!(failed.is_empty(), fault.is_none(), "{failed:?}");
        assert!(fault.is_none_or(|fault| failed.contains(&&(fault, false))), "{fault:?} {failed:?}");
        assert_eq!(examination.token.is_some(), fault.is_none());
        fault
    }

    fn fault_of_header(header: &str) -> Option<TokenFault> {
        fault_of(&compact(header, &claims().to_string()))
    }

    fn fault_of_payload(payload: &str) -> Option<TokenFault> {
        fault_of(&compact(HEADER, payload))
    }

    #[test]
    fn a_token_of_entras_is_well_formed() {
        let token = compact(HEADER, &claims().to_string());
        assert_eq!(UnverifiedToken::parse(&token).unwrap().key_id(), "K1");
        for header in [
            r#" {"alg":"RS256" , "kid":"K1"} "#,
            r#"{"\u0061lg":"RS256","kid":"K1","typ":"jwt","x5t":"K1","new":[{}]}"#,
            r#"{"alg":"RS256","kid":"K1","typ":"application/at+jwt","jwk":{"kty":"oct"},"jku":"https://x"}"#,
        ] {
            assert_eq!(fault_of_header(header), None, "{header}");
        }
    }

    #[test]
    fn anything_but_three_canonical_segments_is_malformed() {
        let good = compact(HEADER, &claims().to_string());
        let (message, _) = good.rsplit_once('.').unwrap();
        let (header, payload) = message.split_once('.').unwrap();
        let wrong = [
            "x",
            ".",
            "..",
            "...",
            "a.b",
            &format!(".{payload}.AA"),
            &format!("{header}..AA"),
            &format!("{header}.{payload}."),
            &format!("{header}.{payload}"),
            &format!("{header}.{payload}.AA.AA"),
            &format!("{header}.{payload}.AA.AA.AA"),
            &format!("{header}.{payload}.AA=="),
            &format!("{header}=.{payload}.AA"),
            // The last character has bits that stand for nothing.
            &format!("{header}.{payload}.AB"),
            &format!("{header}.{payload}.A+"),
        ];
        for token in wrong {
            assert_eq!(fault_of(token), Some(TokenFault::Malformed), "{token}");
        }
        assert_eq!(fault_of(&".".repeat(8 * 1024)), Some(TokenFault::Malformed));
        assert_eq!(fault_of(&"A".repeat(MAX_TOKEN_BYTES + 1)), Some(TokenFault::TooLarge));
    }

    #[test]
    fn headers_that_are_refused() {
        use TokenFault::{Algorithm, HeaderMember, KeyId, Malformed, Type};
        let cases = [
            ("[]", Malformed),
            (r#"["RS256","K1","JWT"]"#, Malformed),
            ("null", Malformed),
            ("{}", Malformed),
            (r#"{"alg":"RS256","kid":"K1"}{}"#, Malformed),
            ("\u{feff}{\"alg\":\"RS256\",\"kid\":\"K1\"}", Malformed),
            (r#"{"alg":"none","alg":"RS256","kid":"K1"}"#, Malformed),
            (r#"{"alg":"RS256","kid":"K9","\u006bid":"K1"}"#, Malformed),
            (r#"{"alg":null,"kid":"K1"}"#, Malformed),
            (r#"{"alg":["RS256"],"kid":"K1"}"#, Malformed),
            (r#"{"alg":"none","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"NONE","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"HS256","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"rs256","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"RS256 ","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"RS384","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"PS256","kid":"K1"}"#, Algorithm),
            (r#"{"alg":"RS256","kid":"K1","crit":null}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","crit":["x"],"x":1}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","crit":[]}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","b64":false}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","zip":"DEF"}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","enc":"A256GCM"}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","cty":"JWT"}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","epk":{}}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","p2c":1}"#, HeaderMember),
            (r#"{"alg":"RS256","kid":"K1","typ":"dpop+jwt"}"#, Type),
            (r#"{"alg":"RS256","kid":"K1","typ":""}"#, Type),
            (r#"{"alg":"RS256","kid":"K1","typ":null}"#, Malformed),
            (r#"{"alg":"RS256"}"#, KeyId),
            (r#"{"alg":"RS256","x5t":"K1"}"#, KeyId),
            (r#"{"alg":"RS256","kid":""}"#, KeyId),
            (r#"{"alg":"RS256","kid":null}"#, Malformed),
            (r#"{"alg":"RS256","kid":1}"#, Malformed),
        ];
        for (header, fault) in cases {
            assert_eq!(fault_of_header(header), Some(fault), "{header}");
        }
        let long = format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "K".repeat(MAX_KEY_ID_BYTES + 1));
        assert_eq!(fault_of_header(&long), Some(KeyId));
    }

    #[test]
    fn payloads_that_are_refused() {
        for payload in ["", "null", "1", "\"x\"", "[]", "{\"aud\":\"x\"}x", "\u{feff}{}"] {
            assert_eq!(fault_of_payload(payload), Some(TokenFault::Malformed), "{payload}");
        }
        let invalid_utf8 = format!("{}.{}.AA", segment(HEADER.as_bytes()), segment(b"{\"x\":\"\xff\"}"));
        assert_eq!(fault_of(&invalid_utf8), Some(TokenFault::Malformed));
        let deep = format!("{{\"x\":{}", "[".repeat(8_000));
        let closed = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        let closed = claims().to_string().replacen('{', &format!("{{\"x\":{closed},"), 1);
        assert_eq!(fault_of_payload(&closed), Some(TokenFault::Malformed));
        assert_eq!(fault_of_payload(&deep), Some(TokenFault::Malformed));
        assert_eq!(fault_of_payload("{}"), Some(TokenFault::Claims));
        for member in [r#""\u0065xp":9999999999"#, r#""TID":"x""#, r#""new":1,"new":1"#] {
            let repeated = claims().to_string().replacen('{', &format!("{{{member},"), 1);
            assert_eq!(fault_of_payload(&repeated), Some(TokenFault::Malformed), "{member}");
        }
        let bound = claims().to_string().replacen('{', r#"{"cnf":{"jkt":"x"},"#, 1);
        assert_eq!(fault_of_payload(&bound), Some(TokenFault::SenderConstrained));
    }

    #[test]
    fn claims_of_another_type_are_refused() {
        for claim in ["iss", "aud", "exp", "nbf", "iat", "tid", "ver", "sub", "oid"] {
            for value in ["null", "{}", "[\"x\"]", "true", "1.5"] {
                let mut claims = claims();
                claims[claim] = serde_json::from_str(value).unwrap();
                assert_eq!(
                    fault_of_payload(&claims.to_string()),
                    Some(TokenFault::Claims),
                    "{claim} {value}"
                );
            }
            let mut without = claims();
            without.as_object_mut().unwrap().remove(claim);
            assert_eq!(fault_of_payload(&without.to_string()), Some(TokenFault::Claims), "{claim}");
        }
        for roles in ["\"Resource.Read\"", "[1]", "[[\"Resource.Read\"]]", "{\"Resource.Read\":true}"] {
            let mut claims = claims();
            claims["roles"] = serde_json::from_str(roles).unwrap();
            assert_eq!(fault_of_payload(&claims.to_string()), Some(TokenFault::Claims), "{roles}");
        }
    }

    #[test]
    fn no_debug_shows_a_token_or_its_claims() {
        let token = compact(HEADER, &claims().to_string());
        assert_eq!(format!("{:?}", UnverifiedToken::parse(&token).unwrap()), "UnverifiedToken { .. }");
    }
}
