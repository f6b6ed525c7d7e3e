//! The form of a token: a JWS in compact serialization with a JWT's claims (RFC 7515, RFC 7519).
//!
//! Read by our own rules: JWT libraries let `crit`, `zip`, any `typ` and repeated members pass.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer};
use shared::claims::Claims;

use super::check::{Check, pass_all};
use super::error::TokenFault;
use super::keys::SigningKey;
use super::object::{self, Unreadable};

/// The largest token, in bytes: several times what Entra issues to an app with 200 roles.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest `kid`, in bytes; Entra's are 27.
const MAX_KEY_ID_BYTES: usize = 256;

/// Header members that change what the signed bytes mean, none of which Entra writes.
const REFUSED_HEADER_MEMBERS: [&str; 7] = ["crit", "b64", "zip", "enc", "cty", "epk", "p2c"];

/// What binds a token to a key of its client's (RFC 7800).
const REFUSED_CLAIMS: [&str; 1] = ["cnf"];

/// A token that is well formed, and about which nothing else is known.
pub(super) struct UnverifiedToken<'t> {
    /// What was signed: both segments as they were sent.
    message: &'t str,
    signature: Vec<u8>,
    key_id: String,
    claims: Claims,
}

/// Claims that the key of a [`SigningKey`] has signed, and that key's name.
///
/// Only [`UnverifiedToken::verify`] makes one.
pub(super) struct VerifiedClaims {
    claims: Claims,
    key_id: Arc<str>,
}

impl<'t> UnverifiedToken<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenFault> {
        let compact = Compact::split(token)?;
        let header = Header::read(&compact.header)?;
        pass_all(header.checks())?;
        let payload = Payload::read(&compact.payload)?;
        pass_all(payload.checks())?;
        Self::assemble(compact, header, payload)
    }

    fn assemble(compact: Compact<'t>, header: Header, payload: Payload) -> Result<Self, TokenFault> {
        let Compact { message, signature, .. } = compact;
        let key_id = header.kid.ok_or(TokenFault::KeyId)?;
        Ok(Self { message, signature, key_id, claims: payload.claims })
    }

    /// The `kid` that the token names its key by.
    pub(super) fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The claims, of which nobody knows who wrote them.
    pub(super) fn unverified_claims(&self) -> &Claims {
        &self.claims
    }

    /// Checks the signature, with RS256 whatever the header says.
    pub(super) fn verify(self, key: &SigningKey) -> Result<VerifiedClaims, TokenFault> {
        if key.has_signed(self.message.as_bytes(), &self.signature) {
            Ok(VerifiedClaims { claims: self.claims, key_id: Arc::clone(key.id()) })
        } else {
            Err(TokenFault::Signature)
        }
    }
}

impl VerifiedClaims {
    /// As if a key had signed them.
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

/// The three segments of a token (RFC 7515 section 7.1), decoded.
struct Compact<'t> {
    message: &'t str,
    header: Vec<u8>,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Compact<'t> {
    fn split(token: &'t str) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
        // A dot is not in the alphabet, so a fourth segment fails here.
        Ok(Self {
            message,
            header: decode(header)?,
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }
}

/// Canonical base64url only: no padding, no unused bits, nothing empty.
fn decode(segment: &str) -> Result<Vec<u8>, TokenFault> {
    if segment.is_empty() {
        return Err(TokenFault::Malformed);
    }
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenFault::Malformed)
}

/// The members of a header that this API acts on; `jwk`, `jku`, `x5u` and `x5c` are deliberately not among them.
#[derive(Deserialize)]
struct HeaderMembers {
    alg: String,
    #[serde(default, deserialize_with = "text")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    typ: Option<String>,
}

struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    extended: bool,
}

impl Header {
    fn read(json: &[u8]) -> Result<Self, TokenFault> {
        let object = object::read(json, &REFUSED_HEADER_MEMBERS).map_err(|_| TokenFault::Malformed)?;
        let HeaderMembers { alg, kid, typ } = object.members;
        Ok(Self { alg, kid, typ, extended: object.refused })
    }

    fn checks(&self) -> [Check; 4] {
        let key_id = self.kid.as_deref().unwrap_or_default();
        [
            (TokenFault::Algorithm, self.alg == "RS256"),
            (TokenFault::HeaderMember, !self.extended),
            (TokenFault::Type, self.typ.as_deref().is_none_or(is_access_token)),
            (TokenFault::KeyId, (1..=MAX_KEY_ID_BYTES).contains(&key_id.len())),
        ]
    }
}

/// Entra writes `JWT`; RFC 9068 section 2.1 has `at+jwt`.
fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|allowed| typ.eq_ignore_ascii_case(allowed))
}

struct Payload {
    claims: Claims,
    bound: bool,
}

impl Payload {
    fn read(json: &[u8]) -> Result<Self, TokenFault> {
        let object = object::read(json, &REFUSED_CLAIMS).map_err(|unreadable| match unreadable {
            Unreadable::Malformed => TokenFault::Malformed,
            Unreadable::Members => TokenFault::Claims,
        })?;
        Ok(Self { claims: object.members, bound: object.refused })
    }

    fn checks(&self) -> [Check; 1] {
        [(TokenFault::SenderConstrained, !self.bound)]
    }
}

/// A member that may be absent but, unlike serde's `Option`, not null.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication::test_token::{HEADER, claims, compact, segment};

    fn fault_of(token: &str) -> Option<TokenFault> {
        UnverifiedToken::parse(token).err()
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
