//! What goes wrong at a tenant's endpoints: scripts that a test writes, one fault for each request that comes.

mod broken_body;
mod injection;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use injection::answer;

use crate::endpoint::Endpoint;

/// The most faults that one endpoint's script holds.
const LONGEST_SCRIPT: usize = 1000;

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
pub struct Faults(Mutex<HashMap<Endpoint, VecDeque<Fault>>>);

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
}

/// The status of an error, 400 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
struct Status(u16);

impl Faults {
    /// Writes the script of an endpoint, in place of what is left of the one before: a fault a request.
    ///
    /// What a fault does not fit, as [`Fault::wrong_issuer`] a key set, it leaves as it is. A script has at most 1000
    /// faults; those beyond are left out.
    pub fn on(&self, endpoint: Endpoint, script: impl IntoIterator<Item = Fault>) {
        let script: VecDeque<Fault> = script.into_iter().take(LONGEST_SCRIPT).collect();
        self.scripts().insert(endpoint, script);
    }

    /// How many faults of an endpoint's script are still to come.
    #[must_use]
    pub fn remaining(&self, endpoint: Endpoint) -> usize {
        self.scripts().get(&endpoint).map_or(0, VecDeque::len)
    }

    /// Ends all scripts.
    pub fn clear(&self) {
        self.scripts().clear();
    }

    /// What is to happen to the next request.
    pub(crate) fn next(&self, endpoint: Endpoint) -> Option<Fault> {
        self.scripts().get_mut(&endpoint)?.pop_front().filter(|fault| *fault != Fault::none())
    }

    fn scripts(&self) -> MutexGuard<'_, HashMap<Endpoint, VecDeque<Fault>>> {
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

    /// The same, after this time.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        let milliseconds = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Self(Kind::Latency { milliseconds, then: Box::new(self.0) })
    }

    /// Whether the request is answered with an error, unread.
    pub(crate) fn is_status(&self) -> bool {
        let mut kind = &self.0;
        while let Kind::Latency { then, .. } = kind {
            kind = then;
        }
        matches!(kind, Kind::Status { .. })
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
        }
    }
}

impl Default for Kind {
    fn default() -> Self {
        Self::None {}
    }
}

impl TryFrom<u16> for Status {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        if (400..=599).contains(&status) { Ok(Self(status)) } else { Err("not a status of 400 to 599") }
    }
}

impl From<Status> for u16 {
    fn from(status: Status) -> Self {
        status.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_counted_down_and_ends() {
        let faults = Faults::default();
        faults.on(Endpoint::Token, [Fault::status(500), Fault::none(), Fault::reset()]);
        assert_eq!(faults.next(Endpoint::Keys), None);
        assert_eq!(faults.next(Endpoint::Token), Some(Fault::status(500)));
        assert_eq!(faults.next(Endpoint::Token), None);
        assert_eq!(faults.remaining(Endpoint::Token), 1);
        assert_eq!(faults.next(Endpoint::Token), Some(Fault::reset()));
        assert_eq!(faults.next(Endpoint::Token), None);
    }

    #[test]
    fn a_script_is_read_from_json_and_written_back() {
        let script = [
            Fault::none(),
            Fault::status(503).retry_after(2).after(Duration::from_millis(50)),
            Fault::too_many_requests_in_plain_text(60),
            Fault::content_type("text/html"),
            Fault::latency(Duration::from_secs(1)),
        ];
        let json = serde_json::to_string(&script).unwrap();
        assert_eq!(serde_json::from_str::<Vec<Fault>>(&json).unwrap(), script);
        for wrong in [r#"{"kind":"status","status":200}"#, r#"{"kind":"fire"}"#, r#"{"kind":"reset","x":1}"#]
        {
            assert!(serde_json::from_str::<Fault>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_script_is_bounded() {
        let faults = Faults::default();
        faults.on(Endpoint::Token, std::iter::repeat(Fault::reset()));
        assert_eq!(faults.remaining(Endpoint::Token), LONGEST_SCRIPT);
    }
}
