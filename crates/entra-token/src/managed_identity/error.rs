//! Why a machine issues no token for a managed identity.

use std::sync::Arc;

use http::StatusCode;

use crate::RequestIds;

/// The machine issues no token for the identity; the deployment is at fault.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ManagedIdentityFault {
    /// There is no endpoint, so this machine has no managed identities.
    #[error(
        "no managed identity endpoint answers at {host}; run where Azure assigns identities, or choose another credential"
    )]
    NoEndpoint {
        /// Host and port of the request.
        host: String,
        /// The error of the HTTP client. None if a proxy responded instead of the endpoint.
        #[source]
        source: Option<Arc<reqwest::Error>>,
    },
    /// The endpoint refused the request.
    #[error(
        "the managed identity endpoint at {host} answered {status}: \"{description}\"; assign the identity to this \
         machine, and check its id{} and the resource; {ids}",
        if *is_named_by_variable { " (the variable AZURE_CLIENT_ID)" } else { "" }
    )]
    Refused {
        /// Host and port of the request.
        host: String,
        /// The status of the response.
        status: StatusCode,
        /// The endpoint's message, shortened to one line and without secrets.
        description: String,
        /// Whether the identity is the one that the variable `AZURE_CLIENT_ID` names.
        is_named_by_variable: bool,
        /// The ids of the request, for the endpoint's operator.
        ids: RequestIds,
    },
}

impl ManagedIdentityFault {
    /// Returns the status of the response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::NoEndpoint { .. } => None,
            Self::Refused { status, .. } => Some(*status),
        }
    }

    /// Returns the ids of the request, if there was a response.
    #[must_use]
    pub fn ids(&self) -> Option<RequestIds> {
        match self {
            Self::NoEndpoint { .. } => None,
            Self::Refused { ids, .. } => Some(*ids),
        }
    }
}
