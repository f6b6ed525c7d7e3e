//! What a request for a token is to bring, and for whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a token is asked for: for callers who wait, or ahead of time for nobody yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ask {
    claims: Option<Arc<str>>,
    is_worth_a_retry: Arc<AtomicBool>,
    is_probe: Arc<AtomicBool>,
}

impl Ask {
    pub(super) fn new(claims: Option<Arc<str>>) -> Self {
        Self { claims, ..Self::default() }
    }

    /// The claims that a resource challenged for, as JSON.
    pub(crate) fn claims(&self) -> Option<&str> {
        self.claims.as_deref()
    }

    pub(super) fn shared_claims(&self) -> Option<Arc<str>> {
        self.claims.clone()
    }

    /// Whether a failure is worth a second try at once: somebody waits, and the try before this one did not fail.
    pub(crate) fn is_worth_a_retry(&self) -> bool {
        self.is_worth_a_retry.load(Ordering::Relaxed)
    }

    /// Somebody waits for it; that may come after the start.
    pub(crate) fn make_worth_a_retry(&self) {
        self.is_worth_a_retry.store(true, Ordering::Relaxed);
    }

    /// Whether it is to find out if an authority is back that has failed again and again. Nobody waits for it.
    pub(crate) fn is_probe(&self) -> bool {
        self.is_probe.load(Ordering::Relaxed)
    }

    /// Somebody would need its token; that may come after the start.
    pub(super) fn make_a_probe(&self) {
        self.is_probe.store(true, Ordering::Relaxed);
    }
}
