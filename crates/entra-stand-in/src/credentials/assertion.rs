//! Parses a client assertion; its signature is not verified here.
//!
//! Parsing is as lenient as Microsoft's libraries need: numbers as strings, padded segments, `aud` as a list.
//! <https://www.rfc-editor.org/rfc/rfc7523#section-3>

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::errors::AssertionRefusal;

/// Decodes base64url with or without padding, since some libraries pad the segments.
const LENIENT_URL: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);
const LENIENT_STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// An unverified assertion. No `Debug`, since it is as sensitive as a secret until it expires.
pub(super) struct Assertion<'a> {
    pub(super) header: Header,
    pub(super) claims: Claims,
    /// The signed part, which is the header, a dot and the payload.
    pub(super) message: &'a str,
    pub(super) signature: Vec<u8>,
    /// Whether a segment is padded, which RFC 7515 forbids.
    pub(super) padded: bool,
}

/// The relevant members of the header; `x5c` is ignored.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one member is there")]
pub(super) struct Header {
    pub(super) alg: String,
    #[serde(default)]
    pub(super) typ: Option<String>,
    #[serde(default)]
    pub(super) x5t: Option<String>,
    #[serde(default, rename = "x5t#S256")]
    pub(super) x5t_s256: Option<String>,
    #[serde(default)]
    pub(super) kid: Option<String>,
    /// Whether the header demands an extension (RFC 7515 section 4.1.11). The stand-in supports none.
    #[serde(default, deserialize_with = "is_there")]
    crit: bool,
    /// Whether the payload is encoded (RFC 7797), which is not to be decided by the sender.
    #[serde(default, deserialize_with = "is_there")]
    b64: bool,
    /// Compression and encryption belong to a JWE (RFC 7516).
    #[serde(default, deserialize_with = "is_there")]
    pub(super) zip: bool,
    #[serde(default, deserialize_with = "is_there")]
    pub(super) enc: bool,
}

#[derive(Deserialize)]
pub(super) struct Claims {
    #[serde(default)]
    pub(super) iss: Option<String>,
    #[serde(default)]
    pub(super) sub: Option<String>,
    #[serde(default)]
    pub(super) aud: Option<Audience>,
    #[serde(default)]
    pub(super) exp: Option<Time>,
    #[serde(default)]
    pub(super) nbf: Option<Time>,
    #[serde(default)]
    pub(super) iat: Option<Time>,
    #[serde(default)]
    pub(super) jti: Option<String>,
    /// A user's delegated permissions; never in an app-only token.
    #[serde(default)]
    scp: Option<Value>,
    #[serde(default)]
    idtyp: Option<Value>,
}

/// The `aud` claim (RFC 7519 section 4.1.3).
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Audience {
    One(String),
    Many(Vec<String>),
}

/// A `NumericDate`, from any JSON form that libraries write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Time {
    pub(super) at: Timestamp,
    pub(super) is_integer: bool,
}

impl<'a> Assertion<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, AssertionRefusal> {
        Self::read(text).ok_or(AssertionRefusal::Malformed)
    }

    fn read(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let (header, claims) = (object::<Header>(header)?, object(claims)?);
        let signature = LENIENT_URL.decode(signature).ok()?;
        let plain = !header.crit && !header.b64;
        plain.then_some(Self { header, claims, message, signature, padded: text.contains('=') })
    }
}

/// Reads a member of any value, `null` included.
fn is_there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Decodes a JSON object from base64url. The check for `{` is needed because serde reads structs from lists too.
fn object<T: DeserializeOwned>(segment: &str) -> Option<T> {
    let json = LENIENT_URL.decode(segment).ok()?;
    json.trim_ascii_start().starts_with(b"{").then(|| serde_json::from_slice(&json).ok()).flatten()
}

impl Header {
    pub(super) fn names_certificate(&self) -> bool {
        self.x5t.is_some() || self.x5t_s256.is_some() || self.kid.is_some()
    }

    /// Returns the certificate's name for errors, which is a thumbprint in hexadecimal, or else the `kid`.
    pub(super) fn certificate_name(&self) -> String {
        let thumbprint = self.x5t.as_deref().or(self.x5t_s256.as_deref());
        match thumbprint.map(|text| (text, base64_of_any_kind(text))) {
            Some((_, Some(bytes))) => hex(&bytes),
            Some((text, None)) => text.to_owned(),
            None => self.kid.clone().unwrap_or_default(),
        }
    }
}

impl Claims {
    /// Returns whether an external issuer made the token. Issuers are URLs, whereas clients are ids.
    pub(super) fn are_external(&self) -> bool {
        self.iss.as_deref().is_some_and(|issuer| issuer.contains("://"))
    }

    /// Returns whether it is a user's token.
    pub(super) fn are_a_users(&self) -> bool {
        self.scp.is_some() || self.idtyp.as_ref().is_some_and(|kind| kind == "user")
    }
}

impl Audience {
    pub(super) fn values(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Shape {
            Integer(i64),
            Float(f64),
            Text(String),
        }
        let of_float = |seconds: f64| SignedDuration::try_from_secs_f64(seconds).ok().map(|d| d.as_secs());
        let (second, is_integer) = match Shape::deserialize(deserializer)? {
            Shape::Integer(second) => (Some(second), true),
            Shape::Float(seconds) => (of_float(seconds), false),
            Shape::Text(text) => (text.parse().ok().and_then(of_float), false),
        };
        let at = second.and_then(|second| Timestamp::from_second(second).ok());
        Ok(Self { at: at.ok_or_else(|| de::Error::custom("not a time"))?, is_integer })
    }
}

/// Decodes base64 or base64url, padded or not.
pub(super) fn base64_of_any_kind(text: &str) -> Option<Vec<u8>> {
    LENIENT_URL.decode(text).or_else(|_| LENIENT_STANDARD.decode(text)).ok()
}

/// Formats bytes in upper-case hexadecimal, as the portal shows thumbprints.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(json: &str) -> Option<(i64, bool)> {
        let time: Option<Time> = serde_json::from_str(json).ok();
        time.map(|time| (time.at.as_second(), time.is_integer))
    }

    #[test]
    fn a_time_is_read_from_every_shape_that_libraries_write() {
        assert_eq!(time("1754479503"), Some((1754479503, true)));
        assert_eq!(time("1754479503.75"), Some((1754479503, false)));
        assert_eq!(time("\"1754479503\""), Some((1754479503, false)));
        for wrong in ["null", "[]", "\"soon\"", "\"\"", "1e300", "\"NaN\"", "9223372036854775807", "true"] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_no_compact_jws_is_malformed() {
        let segment = |json: &str| LENIENT_URL.encode(json);
        let (header, claims) = (segment(r#"{"alg":"RS256"}"#), segment("{}"));
        assert!(Assertion::read(&format!("{header}.{claims}.AA")).is_some());
        let no_algorithm = segment("{}");
        for text in [
            String::new(),
            "..".to_owned(),
            format!("{header}.{claims}"),
            format!("{header}.{claims}.AA.AA"),
            format!("{header}.{claims}.A A"),
            format!("{}.{claims}.AA", segment(r#"{"alg":"RS256","crit":["exp"]}"#)),
            format!("{}.{claims}.AA", segment(r#"{"alg":"RS256","crit":null}"#)),
            format!("{}.{claims}.AA", segment(r#"{"alg":"RS256","b64":true}"#)),
            format!("{no_algorithm}.{claims}.AA"),
            format!("{header}.{}.AA", segment("[]")),
            format!("{header}.{}.AA", segment(r#"{"iss":"a","iss":"b"}"#)),
            format!("{header}.{}.AA", segment(&"[".repeat(20_000))),
        ] {
            assert!(Assertion::read(&text).is_none(), "{text}");
        }
    }
}
