//! The request that a call of the resource is made for.

use std::fmt;

use entra_shared::correlation::{REQUEST_ID, RequestId, TraceContext};
use http::HeaderMap;

/// The request and the trace that a call belongs to; both ids are sent to the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correlation {
    request_id: RequestId,
    trace: TraceContext,
}

impl Correlation {
    /// Reads the ids of an incoming request.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        Self { request_id: RequestId::from_headers(headers), trace: TraceContext::from_headers(headers) }
    }

    /// Returns the request's id.
    #[must_use]
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// Returns the trace's id, 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace.trace_id()
    }

    /// Returns the header fields of a call, which is a span of its own in the trace.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, self.request_id.header_value());
        self.trace.propagate(&mut headers);
        headers
    }
}

/// Writes the ids that the call has in the logs of all services.
impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request id {}, trace id {}", self.request_id, self.trace_id())
    }
}
