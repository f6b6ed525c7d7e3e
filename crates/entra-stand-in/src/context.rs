//! One request: its ids, and the one reading of the clock that everything about it is judged by.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// The header in which a client names its request, and finds the name again in the answer.
pub(crate) const CLIENT_REQUEST_ID: &str = "client-request-id";

/// What is known of a request before anything of it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    /// The stand-in's own id for the request; the `uti` of a token is made of it.
    pub(crate) trace_id: Uuid,
    /// The client's `client-request-id`, where it sent one.
    pub(crate) client_request_id: Option<Uuid>,
    /// When the request came, by the clock of the tenant it names.
    pub(crate) now: Timestamp,
}

impl Context {
    pub(crate) fn new(headers: &HeaderMap, now: Timestamp) -> Self {
        let client_request_id = headers
            .get(CLIENT_REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .and_then(|text| Uuid::try_parse(text).ok());
        Self { trace_id: trace_id(), client_request_id, now }
    }

    /// The `correlation_id` of an error.
    pub(crate) fn correlation_id(&self) -> Uuid {
        self.client_request_id.unwrap_or(self.trace_id)
    }
}

/// The context that [`crate::endpoints`] puts on every request.
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_else(|| Self::new(&parts.headers, Timestamp::now())))
    }
}

/// A random id whose last byte is zero, as Entra's are. It is no secret, so the system is not asked for randomness.
fn trace_id() -> Uuid {
    Builder::from_random_bytes((fastrand::u128(..) & !0xff).to_be_bytes()).into_uuid()
}
