//! What the endpoint may answer, and what of it is believed.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;
use shared::http_client::BodyError;
use shared::json::Object;
use shared::secret::AccessToken;
use tokio::time::Instant;

use super::{ManagedIdentityError, retry};
use crate::token::{Malformed, Token};

/// The most characters of the endpoint's words that an error keeps.
const MAX_DESCRIPTION: usize = 300;

/// An answer as it came from the network.
pub(super) struct Answer {
    pub(super) host: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, BodyError>,
}

/// A success. The numbers are texts; App Service gives no `expires_in`.
#[derive(Deserialize)]
struct Success {
    access_token: AccessToken,
    #[serde(default)]
    token_type: Option<String>,
    #[serde(default)]
    expires_in: Option<Value>,
    #[serde(default)]
    expires_on: Option<Value>,
}

/// A failure, in the words of either shape.
#[derive(Deserialize)]
struct Failure {
    #[serde(default)]
    error_description: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

impl Answer {
    /// The token of the answer, or why there is none.
    pub(super) fn token(self, asked_at: Instant) -> Result<Token, ManagedIdentityError> {
        if self.status != StatusCode::OK {
            return Err(self.error());
        }
        self.success(asked_at).map_err(|problem| self.malformed(problem))
    }

    fn success(&self, asked_at: Instant) -> Result<Token, Malformed> {
        let Object(success): Object<Success> = serde_json::from_slice(self.body()?).map_err(|error| {
            if error.is_data() { Malformed::NotATokenResponse } else { Malformed::NotJson }
        })?;
        if success.token_type.as_ref().is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
            return Err(Malformed::TokenType);
        }
        let life = success.life(Timestamp::now()).ok_or(Malformed::NotATokenResponse)?;
        if life.is_zero() {
            return Err(Malformed::Lifetime);
        }
        Ok(Token::new(success.access_token, life, asked_at))
    }

    fn error(self) -> ManagedIdentityError {
        let (status, retry_after) = (self.status, self.retry_after());
        let description = self.description();
        // What Docker Desktop's proxy answers where there is no such endpoint.
        if status == StatusCode::FORBIDDEN && description.contains("unreachable") {
            return ManagedIdentityError::Unreachable { host: self.host, source: None };
        }
        if retry::is_passing(status) {
            return ManagedIdentityError::Unavailable { host: self.host, status, retry_after };
        }
        if status.is_client_error() {
            return ManagedIdentityError::Refused { host: self.host, status, description };
        }
        self.malformed(Malformed::Status)
    }

    fn malformed(&self, problem: Malformed) -> ManagedIdentityError {
        ManagedIdentityError::Malformed { host: self.host.clone(), status: self.status, problem }
    }

    fn body(&self) -> Result<&[u8], Malformed> {
        self.body.as_deref().map_err(|error| match error {
            BodyError::TooLarge(_) => Malformed::TooLarge,
            BodyError::BrokenOff(_) => Malformed::BrokenOff,
        })
    }

    /// The endpoint's words made fit for a log: one line of bounded length.
    fn description(&self) -> String {
        let body = self.body().unwrap_or_default();
        let failure: Option<Object<Failure>> = serde_json::from_slice(body).ok();
        let told = failure.and_then(|Object(failure)| failure.error_description.or(failure.message));
        let text = told.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_DESCRIPTION).collect()
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

impl Success {
    /// How long the token lasts from now on.
    ///
    /// The endpoint keeps tokens, so `expires_in` may count from a time long past, and `expires_on` from a clock that
    /// differs from this machine's: the shorter one counts.
    fn life(&self, now: Timestamp) -> Option<Duration> {
        let until = self.expires_on.as_ref().and_then(time);
        let left = until.map(|until| Duration::try_from(until.duration_since(now)).unwrap_or_default());
        let told = self
            .expires_in
            .as_ref()
            .and_then(number)
            .map(|seconds| Duration::from_secs(u64::try_from(seconds).unwrap_or_default()));
        match (left, told) {
            (Some(left), Some(told)) => Some(left.min(told)),
            (left, told) => left.or(told),
        }
    }
}

/// A whole number, written as one or as a text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// Seconds since 1970, or one of the dates that App Service has written in the course of time.
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
        success.life(Timestamp::from_second(1000).unwrap()).map(|life| life.as_secs())
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
