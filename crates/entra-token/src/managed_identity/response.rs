//! Validates the endpoint's response.

use std::time::Duration;

use entra_shared::secret::AccessToken;
use entra_shared::token_endpoint::number;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::{IdentityEndpoint, ManagedIdentityFault, UserAssigned, retry};
use crate::exchange::RawResponse;
use crate::life::Life;
use crate::redaction::Redaction;
use crate::response::whole_seconds;
use crate::{Malformed, Outage, OutageCause, Token, TokenError};

/// The longest message that an error keeps, in characters.
const MAX_DESCRIPTION: usize = 300;

/// The date formats that App Service has used besides RFC 3339, with or without an offset from UTC.
const DATE_FORMATS: [&str; 2] = ["%m/%d/%Y %H:%M:%S %:z", "%m/%d/%Y %I:%M:%S %p %:z"];

/// A successful token response. Its numbers are JSON strings, and App Service omits `expires_in`.
#[derive(Deserialize)]
struct Success {
    access_token: AccessToken,
    token_type: Option<String>,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
    refresh_in: Option<Value>,
}

/// A failure, in the format of IMDS or App Service.
#[derive(Default, Deserialize)]
struct Failure {
    error_description: Option<String>,
    message: Option<String>,
    #[serde(rename = "correlationId")]
    correlation_id: Option<String>,
}

/// Extracts the token, or the reason why there is none.
pub(super) fn token(
    response: &RawResponse<'_>,
    endpoint: &IdentityEndpoint,
    identity: Option<&UserAssigned>,
) -> Result<Token, TokenError> {
    if response.status != StatusCode::OK {
        return Err(error(response, endpoint, identity));
    }
    success(response).map_err(|problem| response.malformed(problem))
}

fn success(response: &RawResponse<'_>) -> Result<Token, Malformed> {
    let success: Success = response.json()?;
    if success.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err(Malformed::TokenType);
    }
    let expires_in = success.expires_in(Timestamp::now()).ok_or_else(|| success.without_life())?;
    if expires_in.is_zero() {
        return Err(Malformed::Lifetime);
    }
    let life = Life::new(Some(expires_in), success.refresh_in.as_ref().and_then(seconds));
    Ok(Token::new(success.access_token, life, response.sent.at))
}

fn error(
    response: &RawResponse<'_>,
    endpoint: &IdentityEndpoint,
    identity: Option<&UserAssigned>,
) -> TokenError {
    let (status, retry_after) = (response.status, response.retry_after());
    let failure: Failure = response.json().unwrap_or_default();
    let ids = response.ids(&failure.correlation_id.unwrap_or_default(), "");
    if status == StatusCode::TOO_MANY_REQUESTS {
        return TokenError::Throttled { retry_after: retry_after.unwrap_or_default(), ids };
    }
    if retry::is_transient(status) {
        return TokenError::Unavailable(Outage { cause: OutageCause::Status(status), retry_after, ids });
    }
    let body = || String::from_utf8_lossy(response.body().unwrap_or_default()).into_owned();
    let description = failure.error_description.or(failure.message).unwrap_or_else(body);
    let description = Redaction::new(endpoint.secret()).line(&description, MAX_DESCRIPTION);
    let host = response.sent.host.clone();
    // The response of Docker Desktop's proxy if there is no endpoint.
    if status == StatusCode::FORBIDDEN && description.contains("unreachable") {
        return ManagedIdentityFault::NoEndpoint { host, source: None }.into();
    }
    if status.is_client_error() {
        let is_named_by_variable = matches!(identity, Some(UserAssigned::AzureClientId(_)));
        return ManagedIdentityFault::Refused { host, status, description, is_named_by_variable, ids }.into();
    }
    response.malformed(Malformed::Status)
}

impl Success {
    /// Returns the remaining lifetime of the token.
    ///
    /// The shorter of two values: `expires_in` may start in the past, since the endpoint caches tokens, and `expires_on`
    /// is from a clock that may differ from this machine's.
    fn expires_in(&self, now: Timestamp) -> Option<Duration> {
        let until = self.expires_on.as_ref().and_then(time);
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let named = self.expires_in.as_ref().and_then(seconds);
        match (left, named) {
            (Some(left), Some(named)) => Some(left.min(named)),
            (left, named) => left.or(named),
        }
    }

    /// Says why the lifetime is unknown.
    fn without_life(&self) -> Malformed {
        match (&self.expires_on, &self.expires_in) {
            (None, None) => Malformed::Missing("expires_on"),
            (None, Some(_)) => Malformed::Unusable("expires_in"),
            (Some(_), _) => Malformed::Unusable("expires_on"),
        }
    }
}

/// Returns a number of seconds, at least zero.
fn seconds(value: &Value) -> Option<Duration> {
    number(value).map(whole_seconds)
}

/// Parses seconds since 1970 or a date, which is in UTC unless it has an offset.
fn time(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = number(value) {
        return Timestamp::from_duration(SignedDuration::try_from_secs_f64(seconds.floor()).ok()?).ok();
    }
    let text = value.as_str()?.trim();
    let in_utc = format!("{text} +00:00");
    let matching =
        |format: &str| [text, &in_utc].into_iter().find_map(|text| Timestamp::strptime(format, text).ok());
    text.parse().ok().or_else(|| DATE_FORMATS.into_iter().find_map(matching))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_is_read_from_every_form_that_was_seen() {
        for form in [
            json!(1754479503),
            json!("1754479503"),
            json!("2025-08-06T11:25:03Z"),
            json!("2025-08-06T13:25:03+02:00"),
            json!("08/06/2025 11:25:03 +00:00"),
            json!("8/6/2025 11:25:03 AM +00:00"),
            json!("08/06/2025 11:25:03"),
            json!(1754479503.9),
            json!(" 1754479503.0 "),
        ] {
            assert_eq!(time(&form).map(Timestamp::as_second), Some(1754479503), "{form}");
        }
        for form in [json!(null), json!(""), json!("soon"), json!("inf"), json!([]), json!(1e300)] {
            assert_eq!(time(&form), None, "{form}");
        }
    }

    fn life(body: &Value) -> Option<u64> {
        let mut body = body.clone();
        body["access_token"] = json!("canary");
        let success: Success = serde_json::from_value(body).unwrap();
        success.expires_in(Timestamp::from_second(1000).unwrap()).map(|life| life.as_secs())
    }

    #[test]
    fn the_shorter_life_counts_and_one_is_enough() {
        assert_eq!(life(&json!({ "expires_in": "3599", "expires_on": "1600" })), Some(600));
        assert_eq!(life(&json!({ "expires_in": 500, "expires_on": 1600 })), Some(500));
        assert_eq!(life(&json!({ "expires_on": "1600" })), Some(600));
        assert_eq!(life(&json!({ "expires_in": "3599" })), Some(3599));
        assert_eq!(life(&json!({ "expires_in": 3599.5 })), Some(3599));
        assert_eq!(life(&json!({ "expires_on": "900" })), Some(0));
        assert_eq!(life(&json!({ "expires_in": "-1" })), Some(0));
        assert_eq!(life(&json!({})), None);
    }
}
