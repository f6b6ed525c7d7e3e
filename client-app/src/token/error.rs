//! Why there is no token, who is at fault, and what mends it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use shared::aadsts;
use shared::http_client::is_untrusted;
use uuid::Uuid;

use super::{CredentialError, ManagedIdentityError};

/// Why no token could be had. It is cloned to everybody who waited, and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// The client's owner: the authority read the request and refused it.
    #[error("the authority refused the token request: {0}")]
    Refused(Refusal),
    /// This client: it asked too often.
    #[error("the authority is throttling this client{}; correlation id {correlation_id}", wait(*retry_after))]
    Throttled {
        /// How long to wait, where the authority says.
        retry_after: Option<Duration>,
        /// The request's id, for whoever runs the authority.
        correlation_id: Uuid,
    },
    /// The authority: it cannot answer now.
    #[error("the authority answered {status}{}; correlation id {correlation_id}", wait(*retry_after))]
    Unavailable {
        /// The answer's status.
        status: StatusCode,
        /// How long to wait, where the authority says.
        retry_after: Option<Duration>,
        /// The request's id, for whoever runs the authority.
        correlation_id: Uuid,
    },
    /// The network, or the settings: no answer came from the authority.
    #[error("no answer from the authority at {host}{}; correlation id {correlation_id}", trust(source))]
    Unreachable {
        /// Host and port that were asked.
        host: String,
        /// The request's id, for whoever runs the authority.
        correlation_id: Uuid,
        /// What the HTTP client says.
        #[source]
        source: Arc<reqwest::Error>,
    },
    /// The authority, or something in its place: what it answered is no answer to a token request.
    #[error("the authority answered {status}, but {problem}; correlation id {correlation_id}")]
    Malformed {
        /// The answer's status.
        status: StatusCode,
        /// What is wrong with it.
        problem: Malformed,
        /// How long to wait, where the answer says.
        retry_after: Option<Duration>,
        /// The request's id, for whoever runs the authority.
        correlation_id: Uuid,
    },
    /// Whoever looks after the credential: it cannot be used, and the authority was not asked.
    #[error("the credential cannot be used: {0}")]
    Credential(#[from] CredentialError),
    /// The machine that this program runs on: it gave no token for its identity.
    #[error(transparent)]
    ManagedIdentity(#[from] ManagedIdentityError),
    /// This process: it ended before the answer came.
    #[error("the token request was abandoned because the process is ending")]
    Abandoned,
}

impl TokenError {
    /// The status of the authority's answer, where there was one.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Refused(Refusal { status, .. })
            | Self::Unavailable { status, .. }
            | Self::Malformed { status, .. } => Some(*status),
            Self::Throttled { .. } => Some(StatusCode::TOO_MANY_REQUESTS),
            Self::ManagedIdentity(error) => error.status(),
            Self::Unreachable { .. } | Self::Credential(_) | Self::Abandoned => None,
        }
    }

    /// How long to wait before asking again, where the authority says.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_after, .. }
            | Self::Unavailable { retry_after, .. }
            | Self::Malformed { retry_after, .. } => *retry_after,
            Self::ManagedIdentity(error) => error.retry_after(),
            Self::Refused(_) | Self::Unreachable { .. } | Self::Credential(_) | Self::Abandoned => None,
        }
    }

    /// The id under which the authority knows the request.
    #[must_use]
    pub fn correlation_id(&self) -> Option<Uuid> {
        match self {
            Self::Refused(Refusal { correlation_id, .. })
            | Self::Throttled { correlation_id, .. }
            | Self::Unavailable { correlation_id, .. }
            | Self::Unreachable { correlation_id, .. }
            | Self::Malformed { correlation_id, .. } => Some(*correlation_id),
            Self::Credential(_) | Self::ManagedIdentity(_) | Self::Abandoned => None,
        }
    }
}

/// What the authority's error envelope says; its texts are bounded, in one line and free of the credential.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The answer's status.
    pub status: StatusCode,
    /// The OAuth error code (RFC 6749 section 5.2): what a program decides by.
    pub error: String,
    /// The number after `AADSTS`.
    pub aadsts: Option<u32>,
    /// The first part of the authority's own text.
    pub description: String,
    /// The request's id, for whoever runs the authority.
    pub correlation_id: Uuid,
    /// The authority's own id for the request.
    pub trace_id: Option<Uuid>,
}

impl Refusal {
    /// The step that mends it, in plain words, where the code is known.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        self.aadsts.and_then(aadsts::lookup).map(|entry| entry.remedy)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.aadsts.map(|code| (code, aadsts::lookup(code))) {
            Some((_, Some(known))) => {
                write!(f, "{known} ({}). {} {}", self.error, known.cause, known.remedy)?;
            }
            Some((code, None)) => write!(f, "AADSTS{code} ({}).", self.error)?,
            None => write!(f, "{}.", self.error)?,
        }
        if !self.description.is_empty() {
            write!(f, " The authority says: \"{}\"", self.description)?;
        }
        write!(f, " Correlation id {}", self.correlation_id)?;
        self.trace_id.map_or(Ok(()), |id| write!(f, ", trace id {id}"))
    }
}

/// What is wrong with an answer that should have been a token or an error.
///
/// None of these quotes the answer: a malformed one may still hold a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The body is larger than a token response can be.
    #[error("the body is larger than 1 MiB")]
    TooLarge,
    /// The body did not come to its end.
    #[error("the body broke off or took too long")]
    BrokenOff,
    /// A success that does not say it is JSON (RFC 6749 section 5.1).
    #[error("the body is not application/json")]
    ContentType,
    /// The body is no JSON.
    #[error("the body is not JSON")]
    NotJson,
    /// The body lacks a usable `access_token`, `token_type` or `expires_in`, or has one twice.
    #[error("the body is not a token response")]
    NotATokenResponse,
    /// The token is not for the `Authorization: Bearer` header (RFC 6749 section 7.1).
    #[error("the token's type is not Bearer")]
    TokenType,
    /// The token has expired as it comes.
    #[error("the token's life is zero seconds")]
    Lifetime,
    /// The status is neither a success nor an error with OAuth's envelope; a redirect, for one.
    #[error("that is neither a token nor an OAuth error")]
    Status,
}

fn trust(source: &reqwest::Error) -> &'static str {
    if is_untrusted(source) {
        ", whose certificate is not trusted: name its CA in `http_client.ca_file` (HTTP_CLIENT__CA_FILE)"
    } else {
        ""
    }
}

fn wait(retry_after: Option<Duration>) -> String {
    retry_after.map_or_else(String::new, |wait| format!(" and asks to wait {} s", wait.as_secs()))
}
