//! A token request, with flags that tell whether callers wait for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A request for a token. Callers that join it while it is in flight may set its flags.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempt {
    claims: Option<Arc<str>>,
    is_worth_a_retry: Arc<AtomicBool>,
    is_probe: Arc<AtomicBool>,
}

impl Attempt {
    pub(super) fn new(claims: Option<Arc<str>>) -> Self {
        Self { claims, ..Self::default() }
    }

    /// Returns the `claims` parameter of a claims challenge, as JSON.
    pub(crate) fn claims(&self) -> Option<&Arc<str>> {
        self.claims.as_ref()
    }

    /// Returns whether a failure is retried at once, which is so if a caller waits and the previous request did not
    /// fail.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        self.is_worth_a_retry.load(Ordering::Relaxed)
    }

    /// Records that a caller waits for the token.
    pub(crate) fn mark_worth_a_retry(&self) {
        self.is_worth_a_retry.store(true, Ordering::Relaxed);
    }

    /// Returns whether this request probes an authority that failed repeatedly, while callers get the last failure.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe.load(Ordering::Relaxed)
    }

    /// Records that a caller needs the token but got the last failure instead.
    pub(super) fn mark_as_probe(&self) {
        self.is_probe.store(true, Ordering::Relaxed);
    }
}
