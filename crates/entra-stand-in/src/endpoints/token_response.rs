//! The token endpoint's responses, in the form of each version.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#successful-response>

use std::fmt;

use serde::{Serialize, Serializer};

/// The v2 endpoint's token response, members in the order in which Entra writes them.
#[derive(Serialize)]
pub(super) struct TokenResponseV2<'a> {
    /// `Bearer`.
    pub(super) token_type: &'static str,
    /// The token's lifetime in seconds.
    pub(super) expires_in: u64,
    /// The lifetime during an outage of Entra, in seconds; equal to `expires_in`.
    pub(super) ext_expires_in: u64,
    /// Seconds after which to ask for the next token; only for tokens with a lifetime above two hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) refresh_in: Option<u64>,
    /// The token.
    pub(super) access_token: &'a str,
}

/// The v1 endpoint's token response, in which every number is a string.
#[derive(Serialize)]
pub(super) struct TokenResponseV1<'a> {
    /// `Bearer`.
    pub(super) token_type: &'static str,
    /// The token's lifetime in seconds.
    #[serde(serialize_with = "as_text")]
    pub(super) expires_in: u64,
    /// The lifetime during an outage of Entra, in seconds; equal to `expires_in`.
    #[serde(serialize_with = "as_text")]
    pub(super) ext_expires_in: u64,
    /// Seconds after which to ask for the next token; only for tokens with a lifetime above two hours.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text_if_some")]
    pub(super) refresh_in: Option<u64>,
    /// When the token expires, in seconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub(super) expires_on: i64,
    /// When the token becomes valid, in seconds since 1970.
    #[serde(serialize_with = "as_text")]
    pub(super) not_before: i64,
    /// The resource as the client asked for it.
    pub(super) resource: &'a str,
    /// The token.
    pub(super) access_token: &'a str,
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

#[cfg(test)]
mod tests {
    use super::*;

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
