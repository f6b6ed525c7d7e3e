//! One request on its way through the app.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entra_shared::correlation::RequestId;
use tokio::time::Instant;
use tracing::Span;

use super::RequestName;

/// One request on its way: its name, its time, and what those it passes leave for each other.
#[derive(Debug)]
pub(crate) struct Passage<'r> {
    name: RequestName<'r>,
    start: Instant,
    timed_out: AtomicBool,
}

impl<'r> Passage<'r> {
    pub(super) fn new(name: RequestName<'r>) -> Self {
        Self { name, start: Instant::now(), timed_out: AtomicBool::new(false) }
    }

    /// What logs and metrics call the request by.
    pub(crate) fn name(&self) -> &RequestName<'r> {
        &self.name
    }

    /// The request's id, once nothing more is to be said of it.
    pub(super) fn into_request_id(self) -> RequestId {
        self.name.into_request_id()
    }

    /// When it has taken so long.
    pub(crate) fn after(&self, time: Duration) -> Instant {
        self.start + time
    }

    /// How long it has taken so far.
    pub(super) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The span of what is logged on the way.
    pub(crate) fn span(&self) -> Span {
        let Self { name, .. } = self;
        tracing::debug_span!(
            "request",
            method = name.method(),
            route = name.route(),
            request_id = name.request_id()
        )
    }

    /// The request has used up its time.
    pub(crate) fn time_out(&self) {
        self.timed_out.store(true, Ordering::Relaxed);
    }

    /// Whether the request has used up its time.
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out.load(Ordering::Relaxed)
    }
}
