//! Why a managed identity has no token.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::token::Malformed;

/// Why the machine gave no token. It is cloned to everybody who waited.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ManagedIdentityError {
    /// Whoever deploys it: nothing answers, so this is no machine with managed identities.
    #[error(
        "no managed identity endpoint answers at {host}; run where Azure assigns identities, or choose another credential"
    )]
    Unreachable {
        /// Host and port that were asked.
        host: String,
        /// What the HTTP client says; nothing, where a proxy answered in the endpoint's place.
        #[source]
        source: Option<Arc<reqwest::Error>>,
    },
    /// Whoever deploys it: the endpoint read the request and refused it.
    #[error(
        "the managed identity endpoint at {host} answered {status}: \"{description}\"; assign the identity to this \
         machine, and check its id and the resource"
    )]
    Refused {
        /// Host and port that were asked.
        host: String,
        /// The answer's status.
        status: StatusCode,
        /// The endpoint's own words, bounded and in one line.
        description: String,
    },
    /// Azure: the endpoint cannot answer now.
    #[error("the managed identity endpoint at {host} answered {status}, and was asked again in vain")]
    Unavailable {
        /// Host and port that were asked.
        host: String,
        /// The answer's status.
        status: StatusCode,
        /// How long to wait, where the endpoint says.
        retry_after: Option<Duration>,
    },
    /// The endpoint, or something in its place: what it answered is no token.
    #[error("the managed identity endpoint at {host} answered {status}, but {problem}")]
    Malformed {
        /// Host and port that were asked.
        host: String,
        /// The answer's status.
        status: StatusCode,
        /// What is wrong with it.
        problem: Malformed,
    },
}

impl ManagedIdentityError {
    pub(super) fn unreachable(host: String, source: reqwest::Error) -> Self {
        // The URL has nothing secret, but repeats what the text says.
        Self::Unreachable { host, source: Some(Arc::new(source.without_url())) }
    }

    /// The status of the endpoint's answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Refused { status, .. }
            | Self::Unavailable { status, .. }
            | Self::Malformed { status, .. } => Some(*status),
        }
    }

    /// How long to wait before asking again, where the endpoint says.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether it may pass by itself.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}
