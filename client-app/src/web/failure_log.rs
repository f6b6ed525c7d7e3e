//! The log of failed requests.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::log_limit::LogLimit;

/// The number of lines of each code that are written between two summaries.
const LINES: u64 = 5;

/// The time between two summaries of suppressed lines.
const SUMMARY_INTERVAL: Duration = Duration::from_mins(1);

/// The cause of a failure, for the log only; the response carries it as an extension.
#[derive(Debug, Clone)]
pub(super) struct Cause {
    /// The problem code of the response.
    pub(super) code: &'static str,
    /// The message of the log line.
    pub(super) message: &'static str,
    /// The error and its sources in one line.
    pub(super) error: String,
}

/// Logs failures up to a limit, since a wrong secret, for example, fails every request.
#[derive(Debug, Clone)]
pub(crate) struct FailureLog(Arc<LogLimit<&'static str>>);

impl FailureLog {
    pub(crate) fn new() -> Self {
        Self(Arc::new(LogLimit::new(LINES)))
    }

    pub(super) fn write(&self, Cause { code, message, error }: &Cause) {
        if self.0.allows(code) {
            tracing::warn!(code, error, "{message}");
        }
    }

    /// Logs the number of suppressed lines periodically, without end.
    pub(crate) async fn summarize_periodically(&self) {
        loop {
            tokio::time::sleep(SUMMARY_INTERVAL).await;
            self.summarize();
        }
    }

    /// Logs the number of lines of each code that were suppressed since the last summary.
    pub(crate) fn summarize(&self) {
        for (code, left_out) in self.0.take_suppressed() {
            tracing::warn!(code, left_out, "more failures of the same kind");
        }
    }
}
