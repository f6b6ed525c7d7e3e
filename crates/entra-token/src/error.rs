//! Why there is no token, who is at fault, and what mends it.

mod ids;
mod malformed;
mod outage;
mod refusal;

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use uuid::Uuid;

pub use ids::RequestIds;
pub use malformed::Malformed;
pub use outage::{Outage, OutageCause};
pub use refusal::Refusal;

use super::{CredentialError, ManagedIdentityFault, Proof};

/// Why no token could be had. It is cloned to everybody who waited, and holds no secret.
///
/// The authority is whoever gives tokens: for a managed identity, the endpoint of the machine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// Whoever looks after the credential: it cannot be used, or the authority does not take it.
    #[error(transparent)]
    Credential(CredentialFault),
    /// Whoever registered and set up the client: asking again changes nothing.
    #[error(transparent)]
    Configuration(ConfigurationFault),
    /// This client: it asked too often. It asks no more until the wait is over.
    #[error("the authority is throttling this client; ask again in {} s; {ids}", whole_seconds(*retry_after))]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
        /// The request's ids, for whoever runs the authority.
        ids: RequestIds,
    },
    /// The authority, or the network: it may answer soon.
    #[error(transparent)]
    Unavailable(Outage),
    /// The authority, or something in its place: what it answered is no answer to a token request.
    #[error("the authority answered {status}, but {problem}; {ids}")]
    Protocol {
        /// The answer's status.
        status: StatusCode,
        /// What is wrong with it.
        problem: Malformed,
        /// The request's ids, for whoever runs the authority.
        ids: RequestIds,
    },
    /// This process: it gave the request up, because it came to no end in time, failed or was about to end itself. The
    /// next call asks anew.
    #[error("the token request was given up before it came to an end")]
    Abandoned,
}

/// What is wrong with a credential.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialFault {
    /// It cannot be used, and the authority was not asked.
    #[error("the credential cannot be used: {0}")]
    Unusable(CredentialError),
    /// The authority does not take it.
    #[error("the authority refused the credential: {0}")]
    Refused(Refusal),
}

/// What is wrong with how the client is registered or set up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigurationFault {
    /// The authority read the request and refused it.
    #[error("the authority refused the token request: {0}")]
    Refused(Refusal),
    /// The authority's certificate is not trusted, so it was not asked.
    #[error(
        "the certificate of the authority at {host} is not trusted: name its CA in `http_client.ca_file` \
         (HTTP_CLIENT__CA_FILE)"
    )]
    Untrusted {
        /// Host and port that were asked.
        host: String,
        /// What the HTTP client says.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The machine that this program runs on gives no token for such an identity.
    #[error(transparent)]
    ManagedIdentity(ManagedIdentityFault),
}

impl TokenError {
    /// Whether the same request may succeed later without anybody mending anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Throttled { .. } | Self::Unavailable(_) | Self::Abandoned => true,
            Self::Protocol { problem, .. } => *problem == Malformed::BrokenOff,
            Self::Credential(_) | Self::Configuration(_) => false,
        }
    }

    /// How long to wait before asking again; sooner, the answer is the same error without a request.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. } => Some(*retry_after),
            Self::Unavailable(outage) => outage.retry_after,
            Self::Credential(_) | Self::Configuration(_) | Self::Protocol { .. } | Self::Abandoned => None,
        }
    }

    /// The authority's refusal, whoever it blames.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Credential(CredentialFault::Refused(refusal))
            | Self::Configuration(ConfigurationFault::Refused(refusal)) => Some(refusal),
            _ => None,
        }
    }

    /// The step that mends it, in plain words, where it is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.refusal().and_then(Refusal::remedy)
    }

    /// The status of the authority's answer, where there was one.
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

    /// The ids under which the authority knows the request, where it was asked.
    #[must_use]
    pub fn ids(&self) -> Option<RequestIds> {
        match self {
            Self::Throttled { ids, .. } | Self::Protocol { ids, .. } => Some(*ids),
            Self::Unavailable(outage) => Some(outage.ids),
            Self::Configuration(ConfigurationFault::ManagedIdentity(fault)) => fault.ids(),
            _ => self.refusal().map(|refusal| refusal.ids),
        }
    }

    /// The id under which this client and the authority know the request.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Uuid> {
        self.ids().map(|ids| ids.correlation_id)
    }

    /// Whether it lasts until somebody mends the credential, the registration or the settings, however often the
    /// authority is asked.
    pub(super) fn needs_operator(&self) -> bool {
        match self {
            // Asking costs a handshake, and who mends it is the authority.
            Self::Configuration(ConfigurationFault::Untrusted { .. }) => false,
            Self::Credential(_) | Self::Configuration(_) => true,
            _ => false,
        }
    }

    /// The authority refused what this proof asked for.
    pub(super) fn refused(refusal: Refusal, proof: &Proof) -> Self {
        if refusal.blames_credential(proof.is_assertion()) {
            Self::Credential(CredentialFault::Refused(refusal))
        } else {
            Self::Configuration(ConfigurationFault::Refused(refusal))
        }
    }

    /// The same failure for somebody who comes later and has this long to wait.
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

/// Rounded up: whoever waits this long has waited long enough.
fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
