//! One request on its way through the app.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::RequestName;

/// One request on its way: its name, and what those it passes leave for each other. Clones are the same passage.
#[derive(Debug, Clone)]
pub(crate) struct Passage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: RequestName,
    guarded: AtomicBool,
    timed_out: AtomicBool,
}

impl Passage {
    pub(super) fn new(name: RequestName) -> Self {
        Self(Arc::new(Inner { name, guarded: AtomicBool::new(false), timed_out: AtomicBool::new(false) }))
    }

    /// What logs and metrics call the request by.
    pub(crate) fn name(&self) -> &RequestName {
        &self.0.name
    }

    /// The request has come to the guard, which decides whether it goes on.
    pub(crate) fn reach_guard(&self) {
        self.0.guarded.store(true, Ordering::Relaxed);
    }

    /// Whether the request has come to the guard.
    pub(super) fn reached_guard(&self) -> bool {
        self.0.guarded.load(Ordering::Relaxed)
    }

    /// The request has used up its time.
    pub(crate) fn time_out(&self) {
        self.0.timed_out.store(true, Ordering::Relaxed);
    }

    /// Whether the request has used up its time.
    pub(crate) fn timed_out(&self) -> bool {
        self.0.timed_out.load(Ordering::Relaxed)
    }

    /// The name alone, at the end.
    pub(super) fn into_name(self) -> RequestName {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.name.clone(), |inner| inner.name)
    }
}
