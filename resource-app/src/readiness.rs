//! Logs changes of the app's readiness.

use std::sync::{Mutex, PoisonError};

/// The problem that the last check found. Anyone can check as often as they like, so only changes are logged.
#[derive(Debug, Default)]
pub(crate) struct Readiness(Mutex<Option<String>>);

impl Readiness {
    /// Records what is missing now.
    pub(crate) fn record(&self, missing: &str, store: Option<&str>) {
        let mut before = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if before.as_deref() == Some(missing) {
            return;
        }
        *before = Some(missing.to_owned());
        if missing.is_empty() {
            tracing::info!("ready");
        } else {
            tracing::warn!(missing, store, "not ready");
        }
    }
}
