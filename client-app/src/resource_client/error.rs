//! Why a call of the resource failed.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use entra_shared::http_client::{
    BodyError, CertificateFault, is_other_scheme, proxy_refusal, refusing_proxy, retry_after,
};
use entra_shared::json::Object;
use entra_shared::problem::Problem;
use entra_shared::secret::AccessToken;
use http::{HeaderValue, StatusCode, header};

use super::{Answer, redacted};
use entra_token::{Awaited, BaseUrl, CallError, DeniedToken, Redaction, TokenError};

/// The remedy for a redirect.
const REDIRECT_REMEDY: &str = "Set `resource.base_url` (RESOURCE__BASE_URL) to where it redirects: tokens are sent to no other address.";

/// The most characters of the resource's text that a message shows.
const MAX_WORDS: usize = 300;

/// Why a call of the resource failed.
#[derive(Debug, thiserror::Error)]
pub enum ResourceError {
    /// There is no access token; the authority or this client's registration is at fault.
    #[error("no access token")]
    Token(#[from] TokenError),
    /// The resource answered with an error; the caller or this client's grants are at fault.
    #[error("the resource answered {0}")]
    Refused(Box<Refused>),
    /// The resource did not answer; the network or the settings are at fault.
    #[error("no answer from the resource at {base_url}{}; {ids}", hint(source))]
    Unreachable {
        /// The base URL of the resource.
        base_url: BaseUrl,
        /// The ids of the request and its trace.
        ids: String,
        /// The HTTP client's error.
        #[source]
        source: reqwest::Error,
    },
    /// The whole call took longer than its time limit.
    #[error("{awaited} in {} s; {ids}", limit.as_secs())]
    TimedOut {
        /// The step that the call was waiting for when its time limit passed.
        awaited: Awaited,
        /// The time limit of the call.
        limit: Duration,
        /// The ids of the request and its trace.
        ids: String,
    },
    /// This process is shutting down, and there is no usable token.
    #[error("shutting down; not waiting for an access token; {0}")]
    ShuttingDown(String),
    /// The answer is not what the API promises, or is incomplete or too large.
    #[error("the resource answered {status}, but not with what its API promises; {ids}")]
    Malformed {
        /// The answer's status.
        status: StatusCode,
        /// The ids of the request and its trace.
        ids: String,
        /// Why the body could not be read; `None` if it was read and has the wrong content.
        source: Option<BodyError>,
    },
    /// A value from the caller contains characters that are not allowed in a header.
    #[error("the {0} cannot be sent in a header")]
    NotAHeaderValue(&'static str),
}

impl ResourceError {
    /// Adds a call's ids to the error of its request.
    pub(super) fn from_call(error: CallError, base_url: &BaseUrl, ids: String) -> Self {
        match error {
            CallError::Token(error) => Self::Token(error),
            CallError::Request(source) => Self::Unreachable { base_url: base_url.clone(), ids, source },
            CallError::TimedOut { awaited, limit } => Self::TimedOut { awaited, limit, ids },
            CallError::ShuttingDown => Self::ShuttingDown(ids),
        }
    }
}

/// An error response of the resource, from which the token that was sent is removed.
#[derive(Debug, Clone)]
pub struct Refused {
    /// The answer's status.
    pub status: StatusCode,
    /// The body, if it is a problem (RFC 9457).
    pub problem: Option<Problem>,
    /// The challenge in `WWW-Authenticate` (RFC 6750 section 3).
    pub challenge: Option<HeaderValue>,
    /// The URL that the resource redirects to. A request with a token is not repeated there.
    pub location: Option<HeaderValue>,
    /// A description of the token, if the resource denied the call for lack of a role.
    pub denied: Option<DeniedToken>,
    /// How long the resource asks to wait; an hour at most.
    pub retry_after: Option<Duration>,
    /// The ids of the request and its trace, which the resource's log has as well.
    pub ids: String,
}

impl Refused {
    /// Reads an error response to a request with this token.
    pub(super) fn new(answer: &Answer, token: &AccessToken) -> Self {
        let (headers, redaction) = (&answer.headers, Redaction::for_token(token.expose()));
        let problem = serde_json::from_slice(&answer.body).ok();
        let field = |name| headers.get(name).and_then(|value| redacted::field(value, &redaction));
        Self {
            status: answer.status,
            problem: problem.map(|Object(problem)| redacted::problem(problem, &redaction)),
            challenge: field(header::WWW_AUTHENTICATE),
            location: field(header::LOCATION).filter(|_| answer.status.is_redirection()),
            denied: answer.denied,
            retry_after: retry_after(headers),
            ids: answer.ids.clone(),
        }
    }

    /// Returns what this client can do about it.
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
            status if status.is_redirection() => Some(REDIRECT_REMEDY),
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
        if let Some(Ok(location)) = self.location.as_ref().map(HeaderValue::to_str) {
            write!(f, ", to {}", one_line(location))?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, "; it asks to wait {} s", wait.as_secs())?;
        }
        let is_proxys = self.status == StatusCode::PROXY_AUTHENTICATION_REQUIRED;
        if let Some(refusal) = refusing_proxy("http").filter(|_| is_proxys) {
            write!(f, ": {refusal}")?;
        }
        if let Some(denied) = &self.denied {
            write!(f, "; {}", about_token(denied))?;
        }
        write!(f, "; {}", self.ids)?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, ". {remedy}"))
    }
}

fn about_token(denied: &DeniedToken) -> String {
    let age = minutes(denied.age);
    denied.unchanged_until.map_or_else(
        || format!("the token is {age} min old, and a denial in {} min causes a request for another", minutes(denied.next_request_in)),
        |until| format!(
            "the token is {age} min old, and Azure hands out the same one until {until}: a role that was granted since is \
             not in it, and no restart hastens it"
        ),
    )
}

/// Rounds up.
fn minutes(time: Duration) -> u64 {
    time.as_secs().div_ceil(60)
}

fn hint(source: &reqwest::Error) -> Cow<'static, str> {
    if let Some(fault) = CertificateFault::from_error(source) {
        let remedy = fault.remedy().trim_end_matches('.');
        format!(", whose certificate {}. {remedy}", fault.problem()).into()
    } else if is_other_scheme(source) {
        ", which seems to speak the other one of http and https: check the scheme of `resource.base_url` \
         (RESOURCE__BASE_URL)"
            .into()
    } else if let Some(refusal) = proxy_refusal(source) {
        format!(": {refusal}").into()
    } else {
        ". Start the resource, or correct `resource.base_url` (RESOURCE__BASE_URL)".into()
    }
}

/// Makes the resource's text safe for a terminal and a log.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect()
}
