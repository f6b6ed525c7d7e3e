//! What the token endpoint is sent and answers, in Entra's two spellings.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use crate::secret::AccessToken;

/// The `grant_type` of a service that acts for itself (RFC 6749 section 4.4).
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The `client_assertion_type` of a JWT signed by the client (RFC 7523 section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token response as a client reads it, whichever version of the endpoint wrote it.
///
/// The v1 endpoint writes its numbers as strings; both forms are read.
#[derive(Debug, Clone, Deserialize)]
pub struct TokenResponse {
    /// How the token is used; `Bearer`.
    pub token_type: String,
    /// The token's life from now, in seconds; RFC 6749 lets an authority leave it out.
    #[serde(default, deserialize_with = "number_or_text")]
    pub expires_in: Option<f64>,
    /// When to ask for the next token, in seconds from now.
    #[serde(default, deserialize_with = "number_or_nothing")]
    pub refresh_in: Option<f64>,
    /// The token.
    pub access_token: AccessToken,
}

/// The v2 endpoint's token response, members in the order in which Entra writes them.
#[derive(Serialize)]
pub struct TokenResponseV2<'a> {
    /// `Bearer`.
    pub token_type: &'static str,
    /// The token's life from now, in seconds.
    pub expires_in: u64,
    /// The life during an outage of Entra, in seconds; equal to `expires_in`.
    pub ext_expires_in: u64,
    /// When to ask for the next token, in seconds from now; only of a token that lasts for more than two hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_in: Option<u64>,
    /// The token.
    pub access_token: &'a str,
}

/// The v1 endpoint's token response: every number is a string.
#[derive(Serialize)]
pub struct TokenResponseV1<'a> {
    /// `Bearer`.
    pub token_type: &'static str,
    /// The token's life from now, in seconds.
    #[serde(serialize_with = "as_text")]
    pub expires_in: u64,
    /// The life during an outage of Entra, in seconds; equal to `expires_in`.
    #[serde(serialize_with = "as_text")]
    pub ext_expires_in: u64,
    /// When to ask for the next token, in seconds from now; only of a token that lasts for more than two hours.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text_if_some")]
    pub refresh_in: Option<u64>,
    /// When the token expires, in seconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub expires_on: i64,
    /// When the token becomes valid, in seconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub not_before: i64,
    /// The resource as the client asked for it.
    pub resource: &'a str,
    /// The token.
    pub access_token: &'a str,
}

impl fmt::Debug for TokenResponseV2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponseV2").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

impl fmt::Debug for TokenResponseV1<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenResponseV1").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// Entra's error envelope, at the token endpoint and at discovery.
///
/// A client reacts to `error`; everything else is for humans and may change. So nothing but `error` has to be there,
/// and a member that is not what it should be counts as absent.
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenErrorResponse {
    /// The OAuth error code (RFC 6749 section 5.2).
    pub error: String,
    /// `AADSTS…: ` and a text, ending with the ids below.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub error_description: String,
    /// The numbers of the AADSTS codes.
    #[serde(default, deserialize_with = "codes")]
    pub error_codes: Vec<u32>,
    /// When it happened, as `YYYY-MM-DD HH:MM:SSZ`.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub timestamp: String,
    /// The request's id at Entra.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub trace_id: String,
    /// The `client-request-id` that was sent, or one that Entra made.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub correlation_id: String,
    /// A page about the code; only some errors have one.
    #[serde(default, deserialize_with = "text_if_any", skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

fn as_text<T: fmt::Display, S: Serializer>(number: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

#[expect(clippy::ref_option, reason = "the signature is serde's")]
fn as_text_if_some<S: Serializer>(number: &Option<u64>, serializer: S) -> Result<S::Ok, S::Error> {
    match number {
        Some(number) => serializer.collect_str(number),
        None => serializer.serialize_none(),
    }
}

/// A finite number of any spelling: an authority that counts in floats means no harm.
fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(f64),
        Text(String),
    }
    let seconds = match Option::<Seconds>::deserialize(deserializer)? {
        None => return Ok(None),
        Some(Seconds::Number(seconds)) => Some(seconds),
        Some(Seconds::Text(text)) => text.parse().ok(),
    };
    let finite = seconds.filter(|seconds: &f64| seconds.is_finite());
    finite.map(Some).ok_or_else(|| de::Error::custom("expected a number of seconds"))
}

/// A hint, which is worth no error: what is no number counts as absent.
fn number_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|seconds| seconds.is_finite()))
}

/// A text for people: what is none counts as absent.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_if_any(deserializer).map(Option::unwrap_or_default)
}

fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// Those of the numbers that can be an AADSTS code, whether they are written as numbers or as texts.
fn codes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let code = |value: &Value| match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64().and_then(|code| u32::try_from(code).ok()),
    };
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_array().into_iter().flatten().filter_map(code).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_read_whatever_its_other_members_hold() {
        for (members, codes) in [
            ("", &[][..]),
            (r#","error_description":null,"error_codes":null,"trace_id":null,"error_uri":null"#, &[]),
            (r#","error_description":["x"],"timestamp":1,"correlation_id":{},"error_uri":false"#, &[]),
            (r#","error_codes":[5000000000]"#, &[]),
            (r#","error_codes":["7000222"]"#, &[7000222]),
            (r#","error_codes":[null,-1,1.5,"x",7000215,{}]"#, &[7000215]),
            (r#","error_codes":7000215"#, &[]),
        ] {
            let body = format!(r#"{{"error":"invalid_client"{members}}}"#);
            let read: TokenErrorResponse = serde_json::from_str(&body).unwrap();
            assert_eq!(
                (read.error.as_str(), read.error_codes.as_slice()),
                ("invalid_client", codes),
                "{body}"
            );
            assert!(read.error_description.is_empty() && read.error_uri.is_none(), "{body}");
        }
        for wrong in ["{}", r#"{"error":null}"#, r#"{"error":["invalid_client"]}"#] {
            assert!(serde_json::from_str::<TokenErrorResponse>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_read_from_either_endpoint() {
        for expires_in in ["3599", "\"3599\"", "3599.0"] {
            let body = format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"a"}}"#);
            assert_eq!(serde_json::from_str::<TokenResponse>(&body).unwrap().expires_in, Some(3599.0));
        }
        for wrong in ["\"soon\"", "\"\"", "\"inf\"", "[]", "{}", "true"] {
            let body = format!(r#"{{"token_type":"Bearer","expires_in":{wrong},"access_token":"a"}}"#);
            assert!(serde_json::from_str::<TokenResponse>(&body).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_empty_answer_is_no_token() {
        for wrong in ["{}", r#"{"token_type":"Bearer","expires_in":1,"access_token":""}"#] {
            assert!(serde_json::from_str::<TokenResponse>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_v1_endpoint_writes_numbers_as_strings() {
        let response = TokenResponseV1 {
            token_type: "Bearer",
            expires_in: 3599,
            ext_expires_in: 3599,
            refresh_in: None,
            expires_on: 1_458_245_447,
            not_before: 1_458_241_547,
            resource: "api://x",
            access_token: "a",
        };
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"token_type":"Bearer","expires_in":"3599","ext_expires_in":"3599","expires_on":"1458245447","not_before":"1458241547","resource":"api://x","access_token":"a"}"#
        );
        assert!(!format!("{response:?}").contains("\"a\""));
    }
}
