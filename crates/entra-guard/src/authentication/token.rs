//! The syntax of a token: a JWS in compact serialization with the claims of a JWT (RFC 7515, RFC 7519).
//!
//! Parsed here and not by `jsonwebtoken::decode_header`, which accepts `"crit": null`, other extensions and repeated
//! members.

mod header;

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::check::{Check, pass_all};
use super::claims::Claims;
use super::error::TokenFault;
use super::keys::SigningKey;
use super::object::{self, Unreadable};
use header::Header;

/// The largest accepted token, in bytes: several times the size of Entra's with 200 roles.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// Claims that make a token refused: `cnf` binds it to a key of its client (RFC 7800), which is not checked here.
const REFUSED_CLAIMS: [&str; 1] = ["cnf"];

/// A well-formed token, none of which has been verified yet.
pub(super) struct UnverifiedToken<'t> {
    segments: Segments<'t>,
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

/// The results of all syntax checks of a token. Every check runs, even after one has failed.
#[derive(Default)]
pub(super) struct Syntax<'t> {
    /// The results, in the order in which a failed check decides.
    pub(super) checks: Vec<Check>,
    /// The claims, if they can be read; anyone may have written them.
    pub(super) claims: Option<Claims>,
    /// Why the claims cannot be read.
    pub(super) problem: Option<String>,
    segments: Option<Segments<'t>>,
    key_id: Option<String>,
}

/// The three segments of a token (RFC 7515 section 7.1), as they were sent.
#[derive(Clone, Copy)]
struct Segments<'t> {
    /// The signed text: header and payload with the dot between them.
    message: &'t str,
    header: &'t str,
    payload: &'t str,
    signature: &'t str,
}

impl<'t> UnverifiedToken<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenFault> {
        Syntax::examine(token).into_token()
    }

    /// Returns the `kid` of the token.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// Returns the claims, which anyone may have written.
    pub(super) fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// Verifies the signature, with RS256 whatever the header says.
    pub(super) fn verify(self, key: &SigningKey) -> Result<VerifiedClaims, TokenFault> {
        if key.has_signed(self.segments.message.as_bytes(), self.segments.signature) {
            Ok(VerifiedClaims { claims: self.claims, key_id: Arc::clone(key.id()) })
        } else {
            Err(TokenFault::Signature)
        }
    }
}

impl<'t> Syntax<'t> {
    pub(super) fn examine(token: &'t str) -> Self {
        let mut syntax = Self::default();
        let is_small = token.len() <= MAX_TOKEN_BYTES;
        syntax.checks.push((TokenFault::TooLarge, is_small));
        if is_small {
            syntax.segments = Segments::split(token);
            syntax.checks.push((TokenFault::Malformed, syntax.segments.is_some()));
        }
        if let Some(segments) = syntax.segments {
            syntax.examine_segments(segments);
        }
        syntax
    }

    /// Examines each segment on its own, so that a segment cut off while copying does not hide faults of the others.
    fn examine_segments(&mut self, Segments { header, payload, signature, .. }: Segments<'_>) {
        let [header, payload, signature] = [header, payload, signature].map(decode);
        let is_canonical = header.is_some() && payload.is_some() && signature.is_some();
        self.checks.push((TokenFault::Malformed, is_canonical));
        if let Some(json) = header {
            self.examine_header(&json);
        }
        if let Some(json) = payload {
            self.examine_payload(&json);
        }
    }

    fn examine_header(&mut self, json: &[u8]) {
        let header = Header::read(json);
        self.checks.push((TokenFault::Malformed, header.is_some()));
        if let Some(header) = header {
            self.checks.extend(header.checks());
            self.key_id = header.into_key_id();
        }
    }

    fn examine_payload(&mut self, json: &[u8]) {
        match object::read(json, &REFUSED_CLAIMS) {
            Ok(payload) => {
                self.checks.push((TokenFault::Claims, true));
                self.checks.push((TokenFault::SenderConstrained, !payload.refused));
                self.claims = Some(payload.members);
            }
            Err(Unreadable::Malformed) => self.checks.push((TokenFault::Malformed, false)),
            Err(Unreadable::Members(error)) => {
                self.checks.push((TokenFault::Claims, false));
                // The position in the decoded payload is of no use to the reader.
                self.problem = error.to_string().split(" at line ").next().map(str::to_owned);
            }
        }
    }

    /// Returns the token, if every check was passed; otherwise the first fault.
    pub(super) fn into_token(self) -> Result<UnverifiedToken<'t>, TokenFault> {
        pass_all(self.checks)?;
        Ok(UnverifiedToken {
            segments: self.segments.ok_or(TokenFault::Malformed)?,
            key_id: self.key_id.ok_or(TokenFault::KeyId)?,
            claims: self.claims.ok_or(TokenFault::Claims)?,
        })
    }
}

impl<'t> Segments<'t> {
    fn split(token: &'t str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        Some(Self { message, header, payload, signature })
    }
}

/// Decodes canonical base64url: not empty, no padding, no unused bits (RFC 7515 section 2).
///
/// A dot is not in the alphabet, so a fourth segment fails here.
fn decode(segment: &str) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(segment).ok().filter(|bytes| !bytes.is_empty())
}

impl VerifiedClaims {
    /// Creates verified claims without a signature.
    #[cfg(test)]
    pub(super) fn for_test(claims: Claims) -> Self {
        Self { claims, key_id: "K1".into() }
    }

    /// Returns the claims, and the `kid` of the key that signed them.
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
    use super::header::MAX_KEY_ID_BYTES;
    use super::*;
    use crate::authentication::test_token::{HEADER, claims, compact, segment};

    /// Returns the fault that the validator finds. The examination must find the same one.
    fn fault_of(token: &str) -> Option<TokenFault> {
        let fault = UnverifiedToken::parse(token).err();
        let syntax = Syntax::examine(token);
        let failed: Vec<_> = syntax.checks.iter().filter(|(_, passed)| !passed).collect();
        assert_eq!(failed.is_empty(), fault.is_none(), "{failed:?}");
        assert!(fault.is_none_or(|fault| failed.contains(&&(fault, false))), "{fault:?} {failed:?}");
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
