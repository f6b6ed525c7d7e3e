//! The log of failures.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::log_limit::LogLimit;

/// How many lines of one kind of failure are written between two summaries.
const LINES: u64 = 5;

/// How often what was left out is summed up.
const BETWEEN_SUMMARIES: Duration = Duration::from_mins(1);

/// Why a request was answered with a failure, for the log alone. It travels as an extension of the response to where
/// requests are recorded.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    /// The kind of failure: the answer's code.
    pub(super) code: &'static str,
    /// What was being done.
    pub(super) what: &'static str,
    /// The error in one line.
    pub(super) error: String,
}

/// Writes failures down: a wrong secret fails every request alike, and one line for each would fill the disk.
#[derive(Debug, Clone)]
pub(crate) struct FailureLog(Arc<LogLimit<&'static str>>);

impl FailureLog {
    pub(crate) fn new() -> Self {
        Self(Arc::new(LogLimit::new(LINES)))
    }

    pub(super) fn write(&self, Cause { code, what, error }: &Cause) {
        if self.0.allows(code) {
            tracing::warn!(code, error, "{what}");
        }
    }

    /// Says now and then how many failures were not written down.
    pub(crate) async fn sum_up_for_ever(&self) {
        loop {
            tokio::time::sleep(BETWEEN_SUMMARIES).await;
            self.sum_up();
        }
    }

    pub(crate) fn sum_up(&self) {
        for (code, left_out) in self.0.take_suppressed() {
            tracing::warn!(code, left_out, "more failures of the same kind");
        }
    }
}
