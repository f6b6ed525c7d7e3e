//! A fault that is injected into one request.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parts::{AnyStatus, Headers, Status};

/// The longest delay of a fault; longer than any client waits.
pub(super) const LONGEST_LATENCY: Duration = Duration::from_mins(10);

/// A fault for one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fault(pub(super) Kind);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Kind {
    None {},
    Status {
        status: Status,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_seconds: Option<u64>,
        #[serde(default)]
        plain_text: bool,
    },
    Latency {
        milliseconds: u64,
        #[serde(default)]
        then: Box<Kind>,
    },
    Truncated {},
    Reset {},
    Hang {},
    ContentType {
        content_type: String,
    },
    WrongIssuer {},
    EmptyKeySet {},
    BrokenKeySet {},
    Answer {
        status: AnyStatus,
        #[serde(default)]
        headers: Headers,
        #[serde(default)]
        body: String,
    },
    Throttle {
        requests: u16,
        window_seconds: u32,
    },
}

impl Fault {
    /// The regular response.
    #[must_use]
    pub fn none() -> Self {
        Self(Kind::None {})
    }

    /// Answers with an error of this status in Entra's format. A status below 400 becomes 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = Status::try_from(status).unwrap_or(Status(500));
        Self(Kind::Status { status, retry_after_seconds: None, plain_text: false })
    }

    /// Answers 429 with `Retry-After` (in seconds), in Entra's format.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        Self::status(429).retry_after(retry_after_seconds)
    }

    /// Answers 429 with `Retry-After` (in seconds) and a plain text, like a gateway in front of Entra.
    #[must_use]
    pub fn too_many_requests_in_plain_text(retry_after_seconds: u64) -> Self {
        let retry_after_seconds = Some(retry_after_seconds);
        Self(Kind::Status { status: Status(429), retry_after_seconds, plain_text: true })
    }

    /// Sends the regular response after a delay.
    #[must_use]
    pub fn latency(time: Duration) -> Self {
        Self::none().after(time)
    }

    /// Sends a response whose body ends before its `Content-Length`.
    #[must_use]
    pub fn truncated() -> Self {
        Self(Kind::Truncated {})
    }

    /// Any other response, such as a redirect, an HTML page or another key set.
    ///
    /// A status outside 200 to 599 becomes 500. There is no `Content-Type` unless [`Self::header`] sets one.
    ///
    /// ```
    /// # use entra_stand_in::Fault;
    /// Fault::answer(302, "").header("location", "https://elsewhere.example/");
    /// Fault::answer(200, "<html>Sign in</html>").header("content-type", "text/html");
    /// ```
    #[must_use]
    pub fn answer(status: u16, body: impl Into<String>) -> Self {
        let status = AnyStatus::try_from(status).unwrap_or(AnyStatus(500));
        Self(Kind::Answer { status, headers: Headers::default(), body: body.into() })
    }

    /// Answers 429 with `Retry-After` to requests above a rate limit, by the tenant's clock. It stays in force until
    /// the script is replaced or cleared.
    #[must_use]
    pub fn throttle(requests: u16, window: Duration) -> Self {
        let window_seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
        Self(Kind::Throttle { requests, window_seconds })
    }

    /// Closes the connection without a response.
    #[must_use]
    pub fn reset() -> Self {
        Self(Kind::Reset {})
    }

    /// Sends no response until the client gives up. A shutdown waits for the request until the drain timeout.
    #[must_use]
    pub fn hang() -> Self {
        Self(Kind::Hang {})
    }

    /// Sends the regular body with a wrong `Content-Type`, such as `text/html`.
    #[must_use]
    pub fn content_type(content_type: impl Into<String>) -> Self {
        Self(Kind::ContentType { content_type: content_type.into() })
    }

    /// Sends a discovery document that names another tenant's issuer.
    #[must_use]
    pub fn wrong_issuer() -> Self {
        Self(Kind::WrongIssuer {})
    }

    /// A key set without keys.
    #[must_use]
    pub fn empty_key_set() -> Self {
        Self(Kind::EmptyKeySet {})
    }

    /// Sends a key set whose only key cannot be read.
    #[must_use]
    pub fn broken_key_set() -> Self {
        Self(Kind::BrokenKeySet {})
    }

    /// Adds `Retry-After` (in seconds) to an error status.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        if let Kind::Status { retry_after_seconds, .. } = &mut self.0 {
            *retry_after_seconds = Some(seconds);
        }
        self
    }

    /// Adds a header to [`Self::answer`]. Invalid headers, and headers of other faults, are ignored.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Answer { headers, .. } = &mut self.0 {
            headers.insert(name, value);
        }
        self
    }

    /// Delays the fault, by ten minutes at most.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let milliseconds = u64::try_from(time.min(LONGEST_LATENCY).as_millis()).unwrap_or(u64::MAX);
        Self(Kind::Latency { milliseconds, then: Box::new(self.0) })
    }

    /// Returns whether the fault needs no regular response.
    pub(crate) fn leaves_unread(&self) -> bool {
        let mut kind = &self.0;
        while let Kind::Latency { then, .. } = kind {
            kind = then;
        }
        matches!(kind, Kind::Status { .. } | Kind::Answer { .. })
    }

    /// Returns its name in the journal.
    pub(crate) fn name(&self) -> String {
        self.0.name()
    }
}

impl Kind {
    fn name(&self) -> String {
        match self {
            Self::None {} => "none".to_owned(),
            Self::Status { status, .. } => format!("status {}", status.0),
            Self::Latency { milliseconds, then } => format!("{milliseconds} ms, then {}", then.name()),
            Self::Truncated {} => "truncated body".to_owned(),
            Self::Reset {} => "reset".to_owned(),
            Self::Hang {} => "hang".to_owned(),
            Self::ContentType { .. } => "wrong content type".to_owned(),
            Self::WrongIssuer {} => "wrong issuer".to_owned(),
            Self::EmptyKeySet {} => "empty key set".to_owned(),
            Self::BrokenKeySet {} => "broken key set".to_owned(),
            Self::Answer { status, .. } => format!("answer {}", status.0),
            Self::Throttle { .. } => "throttle".to_owned(),
        }
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self::None {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_from_json_and_written_back() {
        let script = [
            Fault::none(),
            Fault::status(503).retry_after(2).after(Duration::from_millis(50)),
            Fault::too_many_requests_in_plain_text(60),
            Fault::content_type("text/html"),
            Fault::latency(Duration::from_secs(1)),
            Fault::answer(302, "").header("Location", "https://a.example"),
            Fault::answer(200, "<html>").header("content-type", "text/html"),
            Fault::throttle(5, Duration::from_mins(1)),
        ];
        let json = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Fault>>(&json).unwrap(), script);
        for wrong in [
            r#"{"kind":"status","status":200}"#,
            r#"{"kind":"fire"}"#,
            r#"{"kind":"reset","x":1}"#,
            r#"{"kind":"answer","status":199}"#,
            r#"{"kind":"answer","status":600}"#,
            r#"{"kind":"answer","status":200,"headers":{"a b":"c"}}"#,
            r#"{"kind":"answer","status":200,"headers":{"a":"b\nc"}}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(wrong).is_err(), "{wrong}");
        }
    }
}
