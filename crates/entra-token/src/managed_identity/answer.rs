//! Validates the endpoint's response.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::{self, BodyError};
use entra_shared::json::Object;
use entra_shared::secret::AccessToken;
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use super::{IdentityEndpoint, ManagedIdentityFault, retry};
use crate::life::Life;
use crate::redaction::Redaction;
use crate::{Malformed, Outage, OutageCause, RequestIds, Token, TokenError};

/// The longest message that an error keeps, in characters.
const MAX_DESCRIPTION: usize = 300;

/// The request that a response belongs to.
pub(super) struct Asked<'a> {
    pub(super) at: Instant,
    /// Host and port.
    pub(super) host: String,
    pub(super) correlation_id: Uuid,
    pub(super) endpoint: &'a IdentityEndpoint,
}

/// A response as received.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, BodyError>,
}

/// A success. The numbers are strings, and App Service sends no `expires_in`.
#[derive(Deserialize)]
struct Success {
    access_token: AccessToken,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    expires_on: Option<Value>,
    #[serde(default)]
    refresh_in: Option<Value>,
}

/// A failure, in the format of IMDS or App Service.
#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default, rename = "correlationId")]
    correlation_id: Option<String>,
}

impl Asked<'_> {
    /// Classifies a missing response. Without an endpoint the connection fails; a later failure may be transient.
    pub(super) fn no_answer(&self, error: reqwest::Error) -> TokenError {
        let (is_connect, is_timeout) = (error.is_connect(), error.is_timeout());
        let host = self.host.clone();
        // The URL has nothing secret, but repeats what the text says.
        let source = Arc::new(error.without_url());
        if is_connect {
            return ManagedIdentityFault::NoEndpoint { host, source: Some(source) }.into();
        }
        let cause = if is_timeout {
            OutageCause::TimedOut { host }
        } else {
            OutageCause::Unreachable { host, source }
        };
        let ids = RequestIds { correlation_id: self.correlation_id, trace_id: None };
        TokenError::Unavailable(Outage { cause, retry_after: None, ids })
    }

    /// The endpoint's message without secrets, shortened to one line.
    fn one_line(&self, text: &str) -> String {
        Redaction::new(self.endpoint.secret()).line(text, MAX_DESCRIPTION)
    }
}

impl Answer {
    /// Extracts the token, or the reason why there is none.
    pub(super) fn token(self, asked: &Asked<'_>) -> Result<Token, TokenError> {
        if self.status != StatusCode::OK {
            return Err(self.error(asked));
        }
        self.success(asked.at).map_err(|problem| self.malformed(problem, self.ids(asked, None)))
    }

    fn success(&self, asked_at: Instant) -> Result<Token, Malformed> {
        let Object(success): Object<Success> = serde_json::from_slice(self.body()?).map_err(|error| {
            if error.is_data() { Malformed::NotATokenResponse } else { Malformed::NotJson }
        })?;
        if success.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
            return Err(Malformed::TokenType);
        }
        let expires_in = success.expires_in(Timestamp::now()).ok_or(Malformed::NotATokenResponse)?;
        if expires_in.is_zero() {
            return Err(Malformed::Lifetime);
        }
        let life = Life::new(Some(expires_in), success.refresh_in.as_ref().and_then(seconds));
        Ok(Token::new(success.access_token, life, asked_at))
    }

    fn error(&self, asked: &Asked<'_>) -> TokenError {
        let (status, retry_after) = (self.status, http_client::retry_after(&self.headers));
        let failure = self.failure();
        let ids = self.ids(asked, failure.correlation_id.as_deref());
        let description = failure.error_description.or(failure.message);
        let body = self.body().unwrap_or_default();
        let description =
            asked.one_line(&description.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned()));
        if status == StatusCode::TOO_MANY_REQUESTS {
            return TokenError::Throttled { retry_after: retry_after.unwrap_or_default(), ids };
        }
        if retry::is_passing(status) {
            return TokenError::Unavailable(Outage { cause: OutageCause::Status(status), retry_after, ids });
        }
        let host = asked.host.clone();
        // What Docker Desktop's proxy answers where there is no such endpoint.
        if status == StatusCode::FORBIDDEN && description.contains("unreachable") {
            return ManagedIdentityFault::NoEndpoint { host, source: None }.into();
        }
        if status.is_client_error() {
            return ManagedIdentityFault::Refused { host, status, description, ids }.into();
        }
        self.malformed(Malformed::Status, ids)
    }

    fn malformed(&self, problem: Malformed, ids: RequestIds) -> TokenError {
        TokenError::Protocol { status: self.status, problem, ids }
    }

    /// The ids from the response, or else the one that was sent.
    fn ids(&self, asked: &Asked<'_>, correlation_id: Option<&str>) -> RequestIds {
        let correlation_id = correlation_id.and_then(|id| id.parse().ok()).unwrap_or(asked.correlation_id);
        let trace_id = self.headers.get("x-ms-request-id").and_then(|id| id.to_str().ok()?.parse().ok());
        RequestIds { correlation_id, trace_id }
    }

    fn body(&self) -> Result<&[u8], Malformed> {
        self.body.as_deref().map_err(|error| match error {
            BodyError::TooLarge(_) => Malformed::TooLarge,
            BodyError::BrokenOff(_) => Malformed::BrokenOff,
        })
    }

    fn failure(&self) -> Failure {
        let failure = serde_json::from_slice(self.body().unwrap_or_default()).ok();
        failure.map(|Object(failure)| failure).unwrap_or_default()
    }
}

impl Success {
    /// The remaining lifetime of the token.
    ///
    /// The shorter of two values: `expires_in` may start in the past, since the endpoint caches tokens, and `expires_on`
    /// is from a clock that may differ from this machine's.
    fn expires_in(&self, now: Timestamp) -> Option<Duration> {
        let until = self.expires_on.as_ref().and_then(time);
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let told = self.expires_in.as_ref().and_then(seconds);
        match (left, told) {
            (Some(left), Some(told)) => Some(left.min(told)),
            (left, told) => left.or(told),
        }
    }
}

/// A number of seconds, at least zero.
fn seconds(value: &Value) -> Option<Duration> {
    number(value).map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or_default()))
}

/// An integer, as a number or a string.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Seconds since 1970, or one of the date formats that App Service has used.
fn time(value: &Value) -> Option<Timestamp> {
    if let Some(second) = number(value) {
        return Timestamp::from_second(second).ok();
    }
    let text = value.as_str()?.trim();
    let of_format = |format: &str| {
        let zoned = Timestamp::strptime(format, text).ok();
        zoned.or_else(|| {
            DateTime::strptime(format.strip_suffix(" %:z")?, text)
                .ok()?
                .to_zoned(TimeZone::UTC)
                .ok()
                .map(|zoned| zoned.timestamp())
        })
    };
    text.parse()
        .ok()
        .or_else(|| ["%m/%d/%Y %H:%M:%S %:z", "%m/%d/%Y %I:%M:%S %p %:z"].into_iter().find_map(of_format))
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
        ] {
            assert_eq!(time(&form).map(Timestamp::as_second), Some(1754479503), "{form}");
        }
        for form in [json!(null), json!(""), json!("soon"), json!([]), json!(1.5)] {
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
        assert_eq!(life(&json!({ "expires_on": "900" })), Some(0));
        assert_eq!(life(&json!({ "expires_in": "-1" })), Some(0));
        assert_eq!(life(&json!({})), None);
    }
}
