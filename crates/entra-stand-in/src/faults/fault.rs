//! What can happen to one request, and how a test says so.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::parts::{AnyStatus, Headers, Status};

/// The longest that a fault delays an answer: longer than any client waits.
pub(super) const LONGEST_LATENCY: Duration = Duration::from_mins(10);

/// What happens to one request.
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
    /// Nothing: the regular answer.
    #[must_use]
    pub fn none() -> Self {
        Self(Kind::None {})
    }

    /// An error of this status, in Entra's envelope; a status below 400 counts as 500.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let status = Status::try_from(status).unwrap_or(Status(500));
        Self(Kind::Status { status, retry_after_seconds: None, plain_text: false })
    }

    /// 429 with `Retry-After`, in Entra's envelope.
    #[must_use]
    pub fn too_many_requests(retry_after_seconds: u64) -> Self {
        Self::status(429).retry_after(retry_after_seconds)
    }

    /// 429 with `Retry-After` and a text that is no JSON, as a gateway before Entra answers.
    #[must_use]
    pub fn too_many_requests_in_plain_text(retry_after_seconds: u64) -> Self {
        let retry_after_seconds = Some(retry_after_seconds);
        Self(Kind::Status { status: Status(429), retry_after_seconds, plain_text: true })
    }

    /// The regular answer, after this time.
    #[must_use]
    pub fn latency(time: Duration) -> Self {
        Self::none().after(time)
    }

    /// An answer whose body breaks off half-way, short of its `Content-Length`.
    #[must_use]
    pub fn truncated() -> Self {
        Self(Kind::Truncated {})
    }

    /// Any other answer, in place of the regular one: a redirect, a page in HTML, a key set of one's own.
    ///
    /// A status below 200 or above 599 counts as 500. It has no `Content-Type` but one that [`Self::header`] gives it.
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

    /// 429 with `Retry-After` for what comes beyond so many requests within a time, by the tenant's clock.
    ///
    /// It ends no sooner than its script does: when another takes its place, or all are cleared.
    #[must_use]
    pub fn throttle(requests: u16, window: Duration) -> Self {
        let window_seconds = u32::try_from(window.as_secs()).unwrap_or(u32::MAX);
        Self(Kind::Throttle { requests, window_seconds })
    }

    /// The connection ends without an answer.
    #[must_use]
    pub fn reset() -> Self {
        Self(Kind::Reset {})
    }

    /// No answer until the client gives up; shutting down waits for it until the end of the drain time.
    #[must_use]
    pub fn hang() -> Self {
        Self(Kind::Hang {})
    }

    /// The regular body as something that it is not, such as `text/html`.
    #[must_use]
    pub fn content_type(content_type: impl Into<String>) -> Self {
        Self(Kind::ContentType { content_type: content_type.into() })
    }

    /// A discovery document that names another tenant's issuer.
    #[must_use]
    pub fn wrong_issuer() -> Self {
        Self(Kind::WrongIssuer {})
    }

    /// A key set without keys.
    #[must_use]
    pub fn empty_key_set() -> Self {
        Self(Kind::EmptyKeySet {})
    }

    /// A key set whose only key cannot be read.
    #[must_use]
    pub fn broken_key_set() -> Self {
        Self(Kind::BrokenKeySet {})
    }

    /// With `Retry-After`, where it is an error of some status.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        if let Kind::Status { retry_after_seconds, .. } = &mut self.0 {
            *retry_after_seconds = Some(seconds);
        }
        self
    }

    /// The same with a header; one that HTTP does not allow is left out, as at any fault but an answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Kind::Answer { headers, .. } = &mut self.0 {
            headers.insert(name, value);
        }
        self
    }

    /// The same, after this time; after ten minutes at most.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let milliseconds = u64::try_from(time.min(LONGEST_LATENCY).as_millis()).unwrap_or(u64::MAX);
        Self(Kind::Latency { milliseconds, then: Box::new(self.0) })
    }

    /// Whether the request is answered unread.
    pub(crate) fn leaves_unread(&self) -> bool {
        let mut kind = &self.0;
        while let Kind::Latency { then, .. } = kind {
            kind = then;
        }
        matches!(kind, Kind::Status { .. } | Kind::Answer { .. })
    }

    /// What the journal calls it.
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
