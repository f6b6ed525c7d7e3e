//! The context of one request.

use std::time::Duration;

use entra_shared::correlation::RequestId;
use tokio::time::Instant;
use tracing::Span;

use super::RequestName;

/// The context of one request: its name and its start.
#[derive(Debug)]
pub(crate) struct RequestContext<'r> {
    name: RequestName<'r>,
    start: Instant,
}

impl<'r> RequestContext<'r> {
    pub(super) fn new(name: RequestName<'r>) -> Self {
        Self { name, start: Instant::now() }
    }

    /// Returns the request's name in logs and metrics.
    pub(crate) fn name(&self) -> &RequestName<'r> {
        &self.name
    }

    /// Returns the request's id and ends the context.
    pub(super) fn into_request_id(self) -> RequestId {
        self.name.into_request_id()
    }

    /// Returns the time at which the request has taken this long.
    pub(crate) fn after(&self, time: Duration) -> Instant {
        self.start + time
    }

    /// Returns how long the request has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// Creates the request's span.
    pub(crate) fn span(&self) -> Span {
        let Self { name, .. } = self;
        tracing::debug_span!(
            "request",
            method = name.method(),
            route = name.route(),
            request_id = name.request_id()
        )
    }
}
