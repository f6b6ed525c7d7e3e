//! The request id and trace that connect a call with the incoming request that caused it.

use std::fmt;

use entra_shared::correlation::{REQUEST_ID, RequestId, TraceContext};
use http::HeaderMap;

/// The request id and trace of a call; both are sent to the resource, which logs them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correlation {
    request_id: RequestId,
    trace: TraceContext,
}

impl Correlation {
    /// Reads the correlation ids in the headers of an incoming request.
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

    /// Returns the header fields of a call, which becomes a new span of the trace.
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
