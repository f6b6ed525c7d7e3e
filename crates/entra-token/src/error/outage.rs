//! An authority that does not answer, or only that it cannot.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::RequestIds;

/// The authority gave no answer that decides anything; it may be different soon.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}{}; {ids}", wait(*retry_after))]
pub struct Outage {
    /// What happened in place of an answer.
    #[source]
    pub cause: OutageCause,
    /// How long to wait, where the authority says or the last failure is too recent.
    pub retry_after: Option<Duration>,
    /// The request's ids, for whoever runs the authority.
    pub ids: RequestIds,
}

/// What happened in place of an answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutageCause {
    /// The authority: it says that it cannot answer now.
    #[error("the authority answered {0}")]
    Status(StatusCode),
    /// The network, or the settings: no answer came.
    #[error("no answer from the authority at {host}")]
    Unreachable {
        /// Host and port that were asked.
        host: String,
        /// What the HTTP client says.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The authority, or the network: the answer did not come in time.
    #[error("no answer from the authority at {host} in time")]
    TimedOut {
        /// Host and port that were asked.
        host: String,
    },
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; ask again in {} s", super::whole_seconds(wait)))
}
