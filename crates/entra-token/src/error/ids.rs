//! The ids by which the authority's operator finds a request.

use std::fmt;

use uuid::Uuid;

/// The ids of a token request. One is this client's own, and one is the authority's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestIds {
    /// The `client-request-id` that was sent, or the one in the authority's response.
    pub correlation_id: Uuid,
    /// The authority's own id for the request, if it responded.
    pub trace_id: Option<Uuid>,
}

impl fmt::Display for RequestIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Correlation id {}", self.correlation_id)?;
        self.trace_id.map_or(Ok(()), |id| write!(f, ", trace id {id}"))
    }
}
