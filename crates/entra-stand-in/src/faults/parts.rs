//! The checked parts of a fault's response.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

/// The status of an error, 400 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub(super) struct Status(pub(super) u16);

/// The status of any response, 200 to 599.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub(super) struct AnyStatus(pub(super) u16);

/// Headers, each at most once, with names in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub(super) struct Headers(BTreeMap<String, String>);

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

impl TryFrom<u16> for AnyStatus {
    type Error = &'static str;

    fn try_from(status: u16) -> Result<Self, Self::Error> {
        if (200..=599).contains(&status) { Ok(Self(status)) } else { Err("not a status of 200 to 599") }
    }
}

impl From<AnyStatus> for u16 {
    fn from(status: AnyStatus) -> Self {
        status.0
    }
}

impl Headers {
    /// Sets a header if it is valid (RFC 9110 section 5), and returns whether it is.
    pub(super) fn insert(&mut self, name: &str, value: &str) -> bool {
        let Ok(name) = HeaderName::try_from(name) else { return false };
        let allowed = HeaderValue::try_from(value).is_ok();
        if allowed {
            self.0.insert(name.as_str().to_owned(), value.to_owned());
        }
        allowed
    }

    pub(super) fn put_into(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                headers.insert(name, value);
            }
        }
    }
}

impl TryFrom<BTreeMap<String, String>> for Headers {
    type Error = &'static str;

    fn try_from(all: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        let mut headers = Self::default();
        let allowed = all.iter().all(|(name, value)| headers.insert(name, value));
        allowed.then_some(headers).ok_or("not all are headers that HTTP allows")
    }
}
