//! What the guard answers when it refuses a request.
//!
//! Status, challenge (RFC 6750 section 3) and reason code are fixed; [`Answers`] writes the body.

mod challenge;
mod codes;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use entra_shared::problem::{MEDIA_TYPE, Problem};
use http::{HeaderValue, StatusCode, header};

pub(crate) use challenge::Challenges;
pub use codes::{ReasonCode, codes};

use crate::authentication::AuthenticationError;
use crate::policy::Denial;

/// The value of `Retry-After` while there are no keys, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why the guard does not let a request or its response through.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no valid token, or no key set to verify it with: 400, 401 or 503.
    Authentication(AuthenticationError),
    /// A policy denied the request: 403.
    Denied(Denial),
    /// The path has no route: 404.
    RouteNotFound,
    /// The path does not have the method: 405.
    MethodNotAllowed,
    /// A bug in the service, such as a handler that answers although a policy denied the request: 500.
    Internal,
}

/// The reason code of a problem, as an extension of the response, for an app's metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProblemCode(pub &'static str);

/// Marks a response as the answer to a denial. The guard suppresses every other response to a denied request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DenialAnswered;

/// Writes the body of a refusal.
///
/// Status, challenge and reason code stay the guard's own.
pub trait Answers: Send + Sync + 'static {
    /// Returns the media type and the body. Both reach the caller.
    fn body(&self, refusal: &Refusal) -> (HeaderValue, Body);
}

/// Answers with `application/problem+json` (RFC 9457); the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProblemJson;

impl Answers for ProblemJson {
    fn body(&self, refusal: &Refusal) -> (HeaderValue, Body) {
        let mut problem = Problem::new(refusal.status(), refusal.code());
        problem.detail = refusal.detail();
        (HeaderValue::from_static(MEDIA_TYPE), Body::from(problem.into_response().into_body()))
    }
}

impl Refusal {
    /// Returns the status of the answer.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Authentication(AuthenticationError::KeysUnavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Authentication(AuthenticationError::MalformedRequest(_)) => StatusCode::BAD_REQUEST,
            Self::Authentication(_) => StatusCode::UNAUTHORIZED,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::RouteNotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the reason code; see [`codes`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Authentication(error) => error.code(),
            Self::Denied(denial) => denial.reason(),
            Self::RouteNotFound => "route_not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::Internal => "internal_error",
        }
    }

    /// Returns what happened and how to fix it, for the caller.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Authentication(error) => Some(codes::with_remedy(error.text(), error.code())),
            Self::Denied(denial) => Some(denied(denial)),
            Self::RouteNotFound | Self::MethodNotAllowed => Some(codes::meaning(self.code()).to_owned()),
            Self::Internal => None,
        }
    }

    /// Returns the whole answer.
    pub(crate) fn answer(&self, answers: &dyn Answers, challenges: &Challenges) -> Response {
        let (media_type, body) = answers.body(self);
        let mut response = Response::new(body);
        *response.status_mut() = self.status();
        response.extensions_mut().insert(ProblemCode(self.code()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, media_type);
        if let Some(challenge) = challenges.challenge(self) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

/// Explains the first requirement that was not met.
fn denied(denial: &Denial) -> String {
    let Denial { policy, roles, .. } = denial;
    let text = match (denial.reason(), codes::meaning(denial.reason())) {
        ("role_missing", _) => format!("{policy} takes the app role {}", challenge::scope(roles)),
        (reason, "") => format!("{policy}: {reason}"),
        (_, meaning) => format!("{policy}: {meaning}"),
    };
    codes::with_remedy(&text, denial.reason())
}

impl IntoResponse for Denial {
    /// Builds a handler's response to a denial by a policy on a resource. The guard adds the challenge and the body.
    fn into_response(self) -> Response {
        let mut response = StatusCode::FORBIDDEN.into_response();
        response.extensions_mut().insert(DenialAnswered);
        response
    }
}
