//! Constants and responses of the token endpoint, in both of its versions.

use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::secret::AccessToken;

/// The `grant_type` of a service that acts as itself (RFC 6749 section 4.4).
pub const CLIENT_CREDENTIALS: &str = "client_credentials";

/// The `client_assertion_type` of a JWT signed by the client (RFC 7523 section 2.2).
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A token response, from either version of the endpoint.
///
/// The v1 endpoint writes numbers as strings; both forms are read.
#[derive(Debug, Clone, Deserialize)]
pub struct TokenResponse {
    /// The token's type: `Bearer`.
    pub token_type: String,
    /// The token's lifetime in seconds; optional in RFC 6749 section 5.1.
    #[serde(default, deserialize_with = "number_or_text")]
    pub expires_in: Option<f64>,
    /// Seconds after which to ask for the next token.
    #[serde(default, deserialize_with = "number_or_nothing")]
    pub refresh_in: Option<f64>,
    /// The token.
    pub access_token: AccessToken,
}

/// Entra's error envelope, at the token endpoint and at discovery.
///
/// A client reacts to `error`; the rest is for people and may change. So only `error` is required, and other members of
/// an unexpected type count as absent.
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenErrorResponse {
    /// The OAuth error code (RFC 6749 section 5.2).
    pub error: String,
    /// `AADSTS…: ` and a message that ends with the ids below.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub error_description: String,
    /// The numbers of the AADSTS codes.
    #[serde(default, deserialize_with = "codes")]
    pub error_codes: Vec<u32>,
    /// The time of the error, as `YYYY-MM-DD HH:MM:SSZ`.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub timestamp: String,
    /// The request's id at Entra.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub trace_id: String,
    /// The request's `client-request-id`, or one that Entra made.
    #[serde(default, deserialize_with = "text_or_nothing")]
    pub correlation_id: String,
    /// A page about the code, if there is one.
    #[serde(default, deserialize_with = "text_if_any", skip_serializing_if = "Option::is_none")]
    pub error_uri: Option<String>,
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    if value.is_null() {
        return Ok(None);
    }
    number(&value).map(Some).ok_or_else(|| de::Error::custom("expected a number of seconds"))
}

/// Deserializes a number. Any other value counts as absent, since the member is optional advice to the client.
fn number_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    Ok(number(&Value::deserialize(deserializer)?))
}

/// Returns a finite number, written as integer, float or string.
#[must_use]
pub fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|number| number.is_finite())
}

/// Reads a text for people; anything else counts as absent.
fn text_or_nothing<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    text_if_any(deserializer).map(Option::unwrap_or_default)
}

fn text_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}

/// Reads the AADSTS codes, written as numbers or strings; other members are dropped.
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
    fn an_error_is_read_despite_unexpected_other_members() {
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
}
