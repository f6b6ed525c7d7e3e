//! On whose behalf the resource is called.

use std::fmt;

use entra_shared::correlation::{REQUEST_ID, RequestId, TraceContext};
use http::HeaderMap;

/// The request and the trace that a call belongs to; the resource is told both.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Correlation {
    request_id: RequestId,
    trace: TraceContext,
}

impl Correlation {
    /// Of a request that came in.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        Self { request_id: RequestId::from_headers(headers), trace: TraceContext::from_headers(headers) }
    }

    /// The request's id.
    #[must_use]
    pub fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// The id of the trace, 32 hexadecimal digits.
    #[must_use]
    pub fn trace_id(&self) -> String {
        self.trace.trace_id()
    }

    /// The ids of both, for an error.
    #[must_use]
    pub fn ids(&self) -> CallIds {
        CallIds { request_id: self.request_id.clone(), trace_id: self.trace_id() }
    }

    /// Names both in the headers of a call, which is a span of its own.
    pub(super) fn propagate(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.header_value());
        self.trace.child().propagate(headers);
    }
}

/// The ids by which the logs of all services know a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallIds {
    /// The id of the request.
    pub request_id: RequestId,
    /// The id of the trace that it is part of, 32 hexadecimal digits.
    pub trace_id: String,
}

impl fmt::Display for CallIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request id {}, trace id {}", self.request_id, self.trace_id)
    }
}
