//! Why a machine has no token for its identity.

use std::sync::Arc;

use http::StatusCode;

use crate::RequestIds;

/// Whoever deploys it: the machine gives no token for such an identity. It is cloned to everybody who waited.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ManagedIdentityFault {
    /// Nothing is there to answer, so this is no machine with managed identities.
    #[error(
        "no managed identity endpoint answers at {host}; run where Azure assigns identities, or choose another credential"
    )]
    NoEndpoint {
        /// Host and port that were asked.
        host: String,
        /// What the HTTP client says; nothing, where a proxy answered in the endpoint's place.
        #[source]
        source: Option<Arc<reqwest::Error>>,
    },
    /// The endpoint read the request and refused it.
    #[error(
        "the managed identity endpoint at {host} answered {status}: \"{description}\"; assign the identity to this \
         machine, and check its id and the resource; {ids}"
    )]
    Refused {
        /// Host and port that were asked.
        host: String,
        /// The answer's status.
        status: StatusCode,
        /// The endpoint's own words, bounded, in one line and free of what the workload proves itself with.
        description: String,
        /// The request's ids, for whoever runs the endpoint.
        ids: RequestIds,
    },
}

impl ManagedIdentityFault {
    /// The status of the endpoint's answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::NoEndpoint { .. } => None,
            Self::Refused { status, .. } => Some(*status),
        }
    }

    /// The ids of the request, where it was answered.
    #[must_use]
    pub fn ids(&self) -> Option<RequestIds> {
        match self {
            Self::NoEndpoint { .. } => None,
            Self::Refused { ids, .. } => Some(*ids),
        }
    }
}
