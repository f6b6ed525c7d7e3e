//! The ids of a request, and the time that all of its checks use.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use jiff::Timestamp;
use uuid::{Builder, Uuid};

/// The header with the client's id for a request, which the response repeats.
pub(crate) const CLIENT_REQUEST_ID: &str = "client-request-id";

/// The ids and the time of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    /// The stand-in's own id for the request; a token's `uti` is derived from it.
    pub(crate) trace_id: Uuid,
    /// The client's `client-request-id`, if it sent one.
    pub(crate) client_request_id: Option<Uuid>,
    /// When the request arrived, by the clock of the tenant that it names.
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

    /// Returns the `correlation_id` of an error.
    pub(crate) fn correlation_id(&self) -> Uuid {
        self.client_request_id.unwrap_or(self.trace_id)
    }
}

/// Extracts the context that [`crate::endpoints`] attaches to every request.
impl<S: Sync> FromRequestParts<S> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or_else(|| Self::new(&parts.headers, Timestamp::now())))
    }
}

/// Generates a random id whose last byte is zero, like Entra's. It is not secret, so a fast generator suffices.
fn trace_id() -> Uuid {
    Builder::from_random_bytes((fastrand::u128(..) & !0xff).to_be_bytes()).into_uuid()
}
