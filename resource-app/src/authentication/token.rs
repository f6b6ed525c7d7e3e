//! The form of a token: a JWS in compact serialization with a JWT's claims (RFC 7515, RFC 7519).
//!
//! Read by our own rules: jsonwebtoken lets `crit`, `zip`, any `typ` and repeated members pass.

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use serde::de::{DeserializeOwned, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use shared::claims::Claims;

use super::error::TokenFault;
use super::keys::SigningKey;

/// The largest token, in bytes: several times what Entra issues to an app with 200 roles.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest `kid`, in bytes; Entra's are 27.
const MAX_KEY_ID_BYTES: usize = 256;

/// A token that is well formed, and about which nothing else is known.
pub(super) struct UnverifiedToken<'t> {
    /// What was signed: both segments as they were sent.
    message: &'t str,
    signature: &'t str,
    key_id: String,
    claims: Claims,
}

/// Claims that the key of a [`SigningKey`] has signed.
///
/// Only [`UnverifiedToken::verify`] makes one.
pub(super) struct VerifiedClaims(Claims);

impl<'t> UnverifiedToken<'t> {
    pub(super) fn parse(token: &'t str) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLarge);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenFault::Malformed)?;
        // A dot is not in the alphabet, so a fourth segment fails here.
        let (header, payload) = (decode(header)?, decode(payload)?);
        decode(signature)?;
        let header: Header = object(&header).ok_or(TokenFault::Malformed)?;
        let key_id = header.check()?;
        let binding: Binding = object(&payload).ok_or(TokenFault::Malformed)?;
        if binding.cnf {
            return Err(TokenFault::SenderConstrained);
        }
        let claims = object(&payload).ok_or(TokenFault::Claims)?;
        Ok(Self { message, signature, key_id, claims })
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
        let signed = jsonwebtoken::crypto::verify(
            self.signature,
            self.message.as_bytes(),
            key.decoding_key(),
            Algorithm::RS256,
        );
        if matches!(signed, Ok(true)) { Ok(VerifiedClaims(self.claims)) } else { Err(TokenFault::Signature) }
    }
}

impl VerifiedClaims {
    pub(super) fn into_inner(self) -> Claims {
        self.0
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

/// The members of a header that this API acts on; `jwk`, `jku`, `x5u` and `x5c` are deliberately not among them.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether a member is there")]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "text")]
    kid: Option<String>,
    #[serde(default, deserialize_with = "text")]
    typ: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
    #[serde(default, deserialize_with = "present")]
    zip: bool,
    #[serde(default, deserialize_with = "present")]
    enc: bool,
    #[serde(default, deserialize_with = "present")]
    cty: bool,
    #[serde(default, deserialize_with = "present")]
    epk: bool,
    #[serde(default, deserialize_with = "present")]
    p2c: bool,
}

impl Header {
    fn check(self) -> Result<String, TokenFault> {
        if self.alg != "RS256" {
            return Err(TokenFault::Algorithm);
        }
        // All of these change what the signed bytes mean, and Entra writes none of them.
        if self.crit || self.b64 || self.zip || self.enc || self.cty || self.epk || self.p2c {
            return Err(TokenFault::HeaderMember);
        }
        if !self.typ.is_none_or(|typ| is_access_token(&typ)) {
            return Err(TokenFault::Type);
        }
        let key_id = self.kid.ok_or(TokenFault::KeyId)?;
        if (1..=MAX_KEY_ID_BYTES).contains(&key_id.len()) { Ok(key_id) } else { Err(TokenFault::KeyId) }
    }
}

/// Entra writes `JWT`; RFC 9068 section 2.1 has `at+jwt`.
fn is_access_token(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|allowed| typ.eq_ignore_ascii_case(allowed))
}

/// What binds a token to a key of its client's.
#[derive(Deserialize)]
struct Binding {
    #[serde(default, deserialize_with = "present")]
    cnf: bool,
}

/// Canonical base64url only: no padding, no unused bits, nothing empty.
fn decode(segment: &str) -> Result<Vec<u8>, TokenFault> {
    if segment.is_empty() {
        return Err(TokenFault::Malformed);
    }
    URL_SAFE_NO_PAD.decode(segment).map_err(|_| TokenFault::Malformed)
}

/// Reads a JSON object in which no member is repeated, however it is escaped.
fn object<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    // As a whole: serde_json does not look into texts that it skips.
    let text = std::str::from_utf8(bytes).ok()?;
    serde_json::from_str::<Members>(text).ok()?;
    serde_json::from_str(text).ok()
}

/// The members of an object, looked at for what a struct passes over: a name twice, and depth without a limit.
struct Members;

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Not `deserialize_any`: serde would read an array as the members of a struct in their order.
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object without repeated members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = map.next_key::<String>()? {
            // Read as a value, which has a limit of depth; what is only skipped has none.
            map.next_value::<Value>()?;
            // Another tenant in another case would be two answers to one question.
            let other_tenant = name != "tid" && name.eq_ignore_ascii_case("tid");
            if other_tenant || !names.insert(name) {
                return Err(A::Error::custom("a repeated member"));
            }
        }
        Ok(self)
    }
}

/// True where the member is there, whatever its value is.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
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
