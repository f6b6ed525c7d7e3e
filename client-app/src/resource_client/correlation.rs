//! On whose behalf the resource is called.

use http::HeaderMap;
use shared::correlation::{REQUEST_ID, RequestId, TraceContext};

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
        Self { request_id: RequestId::of(headers), trace: TraceContext::continued(headers) }
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

    /// Names both in the headers of a call, which is a span of its own.
    pub(super) fn propagate(&self, headers: &mut HeaderMap) {
        headers.insert(REQUEST_ID, self.request_id.header_value());
        self.trace.child().propagate(headers);
    }
}
