//! Why a token request failed, who is at fault, and how to fix it.

mod ids;
mod malformed;
mod outage;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::CertificateFault;
use http::StatusCode;
use uuid::Uuid;

pub use ids::RequestIds;
pub use malformed::Malformed;
pub use outage::{Outage, OutageCause};
pub use refusal::Refusal;

use super::{CredentialError, ManagedIdentityFault, Proof};

/// Why no token could be obtained. Every caller that waits for the token gets a clone. It contains no secret.
///
/// The authority is Entra or, for a managed identity, the endpoint of the machine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The credential cannot be used, or the authority refused it.
    #[error(transparent)]
    Credential(CredentialFault),
    /// The registration or the settings of the client are wrong. Retrying does not help.
    #[error(transparent)]
    Configuration(ConfigurationFault),
    /// The authority throttles this client, which sends no request until the wait is over.
    #[error("the authority is throttling this client; ask again in {} s; {ids}", whole_seconds(*retry_after))]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
        /// The ids of the request, for the authority's operator.
        ids: RequestIds,
    },
    /// The authority or the network failed. A later request may succeed.
    #[error(transparent)]
    Unavailable(Outage),
    /// The response is neither a token nor an OAuth error.
    #[error("{url} answered {status}, but {problem}; {ids}{}", after_stop(problem.remedy()))]
    Protocol {
        /// The URL of the request, without its query.
        url: String,
        /// The status of the response.
        status: StatusCode,
        /// What is wrong with it.
        problem: Malformed,
        /// The ids of the request, for the authority's operator.
        ids: RequestIds,
    },
    /// The request timed out, panicked or was cancelled as the process shut down. The next call sends another.
    #[error("the token request was given up before it came to an end")]
    Abandoned,
}

/// Why a credential was of no use.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialFault {
    /// The credential cannot be used, so no request was sent.
    #[error("the credential cannot be used: {0}")]
    Unusable(CredentialError),
    /// The authority refused it.
    #[error("the authority refused the credential: {0}")]
    Refused(Refusal),
}

/// The problem with the client's registration or settings.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigurationFault {
    /// The authority refused the request.
    #[error("the authority refused the token request: {0}")]
    Refused(Refusal),
    /// The authority's certificate is not trusted, so no request was sent.
    #[error("the certificate of the authority at {host} {}", fault_and_remedy(source))]
    Untrusted {
        /// Host and port of the request.
        host: String,
        /// The error of the HTTP client.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// A proxy on the way to the authority asks for credentials, so no request was sent.
    #[error("{0}")]
    Proxy(String),
    /// This machine issues no token for the identity.
    #[error(transparent)]
    ManagedIdentity(ManagedIdentityFault),
}

fn after_stop(remedy: Option<&str>) -> String {
    remedy.map(|remedy| format!(". {remedy}")).unwrap_or_default()
}

fn fault_and_remedy(error: &reqwest::Error) -> String {
    let fault = CertificateFault::from_error(error).unwrap_or(CertificateFault::Other);
    format!("{}. {}", fault.problem(), fault.remedy().trim_end_matches('.'))
}

impl TokenError {
    /// Returns whether the same request may succeed later without a fix.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable(_) | Self::Abandoned => true,
            Self::Protocol { problem, .. } => *problem == Malformed::BrokenOff,
            Self::Credential(_) | Self::Configuration(_) => false,
        }
    }

    /// Returns how long to wait before retrying. Until then, calls return this error without a request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Unavailable(outage) => outage.retry_after,
            Self::Credential(_) | Self::Configuration(_) | Self::Protocol { .. } | Self::Abandoned => None,
        }
    }

    /// Returns the authority's refusal, whether of the credential or of the request.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Credential(CredentialFault::Refused(refusal))
            | Self::Configuration(ConfigurationFault::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// Returns how to fix the problem, if a fix is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Protocol { problem, .. } => problem.remedy(),
            _ => self.refusal().and_then(Refusal::remedy),
        }
    }

    /// Returns the status of the authority's response, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Throttled { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable(Outage { cause: OutageCause::Status(status), .. })
            | Self::Protocol { status, .. } => Some(*status),
            Self::Configuration(ConfigurationFault::ManagedIdentity(fault)) => fault.status(),
            _ => self.refusal().map(|refusal| refusal.status),
        }
    }

    /// Returns the ids of the request, if one was sent.
    #[must_use]
    pub fn ids(&self) -> Option<RequestIds> {
        match self {
            Self::Throttled { ids, .. } | Self::Protocol { ids, .. } => Some(*ids),
            Self::Unavailable(outage) => Some(outage.ids),
            Self::Configuration(ConfigurationFault::ManagedIdentity(fault)) => fault.ids(),
            _ => self.refusal().map(|refusal| refusal.ids),
        }
    }

    /// Returns the correlation id of the request, in the logs of this client and of the authority.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Uuid> {
        self.ids().map(|ids| ids.correlation_id)
    }

    /// Returns whether it persists until an operator fixes the credential, the registration or the settings.
    pub(super) fn needs_operator(&self) -> bool {
        match self {
            // Retrying costs only a handshake, and the certificate or the proxy may be fixed.
            Self::Configuration(ConfigurationFault::Untrusted { .. } | ConfigurationFault::Proxy(_)) => false,
            Self::Credential(_) | Self::Configuration(_) => true,
            _ => false,
        }
    }

    /// Classifies a refusal of a request with this proof.
    pub(super) fn refused(refusal: Refusal, proof: &Proof) -> Self {
        if refusal.blames_credential(proof.is_assertion()) {
            Self::Credential(CredentialFault::Refused(refusal))
        } else {
            Self::Configuration(ConfigurationFault::Refused(refusal))
        }
    }

    /// Returns the same failure with this remaining wait.
    pub(super) fn with_wait(self, left: Duration) -> Self {
        match self {
            Self::Throttled { ids, .. } => Self::Throttled { retry_after: left, ids },
            Self::Unavailable(outage) => Self::Unavailable(Outage { retry_after: Some(left), ..outage }),
            other => other,
        }
    }
}

impl From<CredentialError> for TokenError {
    fn from(error: CredentialError) -> Self {
        Self::Credential(CredentialFault::Unusable(error))
    }
}

impl From<ManagedIdentityFault> for TokenError {
    fn from(fault: ManagedIdentityFault) -> Self {
        Self::Configuration(ConfigurationFault::ManagedIdentity(fault))
    }
}

/// Returns the wait in seconds, rounded up.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
