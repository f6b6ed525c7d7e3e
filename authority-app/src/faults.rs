//! What goes wrong at a tenant's endpoints: scripts that a test writes, one fault for each request that comes.

mod broken_body;
mod injection;
mod parts;
mod script;

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) use injection::{Envelope, answer, in_entras_envelope};

use crate::endpoint::Endpoint;
use parts::{AnyStatus, Headers, Status};
use script::Script;

/// The most faults that one endpoint's script holds.
const LONGEST_SCRIPT: usize = 1000;

/// The longest that a fault delays an answer: longer than any client waits.
const LONGEST_LATENCY: Duration = Duration::from_mins(10);

/// The fault scripts of one tenant. Once a script has ended, its endpoint answers as ever.
///
/// ```
/// # async fn example(tenant: authority_app::Tenant) {
/// use authority_app::{Endpoint, Fault};
/// let script = [Fault::status(500), Fault::too_many_requests(60), Fault::none()];
/// tenant.faults().on(Endpoint::Token, script);
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Faults(Mutex<HashMap<Endpoint, Script>>);

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fault(Kind);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
enum Kind {
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

impl Faults {
    /// Writes the script of an endpoint, in place of what is left of the one before: a fault a request.
    ///
    /// What a fault does not fit, as [`Fault::wrong_issuer`] a key set, it leaves as it is. A script has at most 1000
    /// faults; those beyond are left out.
    pub fn on(&self, endpoint: Endpoint, script: impl IntoIterator<Item = Fault>) {
        self.scripts().insert(endpoint, Script::of(script.into_iter().take(LONGEST_SCRIPT)));
    }

    /// How many faults of an endpoint's script are still to come.
    #[must_use]
    pub fn remaining(&self, endpoint: Endpoint) -> usize {
        self.scripts().get(&endpoint).map_or(0, Script::remaining)
    }

    /// Ends all scripts.
    pub fn clear(&self) {
        self.scripts().clear();
    }

    /// What is to happen to the next request, which comes now by the tenant's clock.
    pub(crate) fn next(&self, endpoint: Endpoint, now: Timestamp) -> Option<Fault> {
        self.scripts().get_mut(&endpoint)?.next(now).filter(|fault| *fault != Fault::none())
    }

    fn scripts(&self) -> MutexGuard<'_, HashMap<Endpoint, Script>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    /// # use authority_app::Fault;
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
    fn a_script_is_counted_down_and_ends() {
        let (faults, now) = (Faults::default(), Timestamp::UNIX_EPOCH);
        faults.on(Endpoint::Token, [Fault::status(500), Fault::none(), Fault::reset()]);
        assert_eq!(faults.next(Endpoint::Keys, now), None);
        assert_eq!(faults.next(Endpoint::Token, now), Some(Fault::status(500)));
        assert_eq!(faults.next(Endpoint::Token, now), None);
        assert_eq!(faults.remaining(Endpoint::Token), 1);
        assert_eq!(faults.next(Endpoint::Token, now), Some(Fault::reset()));
        assert_eq!(faults.next(Endpoint::Token, now), None);
    }

    #[test]
    fn a_script_is_read_from_json_and_written_back() {
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

    #[test]
    fn a_throttled_endpoint_takes_so_many_requests_in_a_window_that_slides() {
        let (faults, at) = (Faults::default(), |second| Timestamp::from_second(second).unwrap());
        faults.on(Endpoint::Token, [Fault::throttle(2, Duration::from_mins(1)), Fault::reset()]);
        let refused = |seconds| Some(Fault::too_many_requests(seconds));
        for (second, expected) in [
            (0, None),
            (10, None),
            (20, refused(40)),
            (59, refused(1)),
            (60, None),
            (61, refused(9)),
            (70, None),
        ] {
            assert_eq!(faults.next(Endpoint::Token, at(second)), expected, "{second}");
        }
        // A clock that goes back starts anew.
        assert_eq!(faults.next(Endpoint::Token, at(0)), None);
        faults.on(Endpoint::Token, [Fault::throttle(0, Duration::from_mins(1))]);
        assert_eq!(faults.next(Endpoint::Token, at(0)), refused(60));
    }

    #[test]
    fn a_script_is_bounded() {
        let faults = Faults::default();
        faults.on(Endpoint::Token, std::iter::repeat(Fault::reset()));
        assert_eq!(faults.remaining(Endpoint::Token), LONGEST_SCRIPT);
    }
}
