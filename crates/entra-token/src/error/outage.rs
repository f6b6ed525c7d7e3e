//! An authority that is unreachable or reports an outage.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::RequestIds;

/// The authority did not handle the request. A later one may succeed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}{}; {ids}", wait(*retry_after))]
pub struct Outage {
    /// What happened instead.
    #[source]
    pub cause: OutageCause,
    /// How long to wait before retrying, if the authority named it or a failure is too recent.
    pub retry_after: Option<Duration>,
    /// The ids of the request, for the authority's operator.
    pub ids: RequestIds,
}

/// Why the authority did not handle the request.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutageCause {
    /// The authority reported that it cannot respond now.
    #[error("the authority answered {0}")]
    Status(StatusCode),
    /// There was no connection, or it was lost. The network or the settings may be at fault.
    #[error("no answer from the authority at {host}")]
    Unreachable {
        /// Host and port of the request.
        host: String,
        /// The error of the HTTP client.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The response did not arrive in time.
    #[error("no answer from the authority at {host} in time")]
    TimedOut {
        /// Host and port of the request.
        host: String,
    },
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!("; ask again in {} s", super::whole_seconds(wait)))
}
