//! Why a call of the resource failed.

use std::fmt;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode, header};
use shared::correlation::RequestId;
use shared::http_client::{BodyError, is_other_scheme, is_untrusted, retry_after};
use shared::json::Object;
use shared::problem::Problem;

use super::Correlation;
use crate::token::TokenError;

/// The most characters of the resource's own words that a message shows.
const MAX_WORDS: usize = 300;

/// Why a call of the resource failed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// The authority, or this client's registration: there is no token to call with.
    #[error("no access token")]
    Token(#[from] TokenError),
    /// The caller, or this client's grants: the resource answered with an error.
    #[error("the resource answered {0}")]
    Refused(Box<Refused>),
    /// The network, or the settings: the resource did not answer.
    #[error("no answer from the resource{}; request id {request_id}", hint(source))]
    Unreachable {
        /// The call's id.
        request_id: RequestId,
        /// What the HTTP client says.
        #[source]
        source: reqwest::Error,
    },
    /// The resource: its answer does not come to an end within the limits.
    #[error("the resource answered {status}, but its body cannot be read; request id {request_id}")]
    Body {
        /// The answer's status.
        status: StatusCode,
        /// The call's id.
        request_id: RequestId,
        /// What is wrong with the body.
        source: BodyError,
    },
    /// The resource, or something in its place: the answer is not what the API promises.
    #[error("the resource answered {status}, but not with what its API promises; request id {request_id}")]
    Malformed {
        /// The answer's status.
        status: StatusCode,
        /// The call's id.
        request_id: RequestId,
    },
    /// The caller: a value that cannot stand in a header.
    #[error("the {0} cannot be sent in a header")]
    NotAHeaderValue(&'static str),
}

/// An error that the resource answered with.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The answer's status.
    pub status: StatusCode,
    /// The body, where it is a problem (RFC 9457).
    pub problem: Option<Problem>,
    /// The challenge in `WWW-Authenticate` (RFC 6750 section 3).
    pub challenge: Option<HeaderValue>,
    /// How long the resource asks to wait; an hour at most.
    pub retry_after: Option<Duration>,
    /// The call's id, by which the resource's log knows it.
    pub request_id: RequestId,
    /// The id of the trace that the call is part of, 32 hexadecimal digits.
    pub trace_id: String,
}

impl Refused {
    pub(super) fn new(
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
        correlation: &Correlation,
    ) -> Self {
        Self {
            status,
            problem: serde_json::from_slice(body).ok().map(|Object(problem)| problem),
            challenge: headers.get(header::WWW_AUTHENTICATE).cloned(),
            retry_after: retry_after(headers),
            request_id: correlation.request_id().clone(),
            trace_id: correlation.trace_id(),
        }
    }

    /// The step that mends it, in plain words, where it is this client's to take.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self.status {
            StatusCode::UNAUTHORIZED => Some(
                "Check that `azure_ad.tenant_id` and `resource.app_id_uri` are those that the resource is set up with.",
            ),
            StatusCode::FORBIDDEN => Some(
                "Grant this client the app role that the resource demands, with admin consent; a token that was \
                 issued before does not have it.",
            ),
            StatusCode::PRECONDITION_FAILED => Some("Read the resource again and send its new ETag."),
            _ => None,
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(problem) = &self.problem {
            write!(f, ", {}", one_line(&problem.code))?;
            if let Some(detail) = &problem.detail {
                write!(f, ": {}", one_line(detail))?;
            }
        }
        if let Some(Ok(challenge)) = self.challenge.as_ref().map(HeaderValue::to_str) {
            write!(f, " ({})", one_line(challenge))?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "; it asks to wait {} s", wait.as_secs())?;
        }
        write!(f, "; request id {}, trace id {}", self.request_id, self.trace_id)?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, ". {remedy}"))
    }
}

fn hint(source: &reqwest::Error) -> &'static str {
    if is_untrusted(source) {
        ", whose certificate is not trusted: name its CA in `http_client.ca_file` (HTTP_CLIENT__CA_FILE)"
    } else if is_other_scheme(source) {
        ", which seems to speak the other one of http and https: check the scheme of `resource.base_url` \
         (RESOURCE__BASE_URL)"
    } else {
        ""
    }
}

/// The resource's words, fit for a terminal and a log.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect()
}
