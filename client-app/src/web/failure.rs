//! Converts all failures into HTTP responses.
//!
//! The resource's errors that the caller can fix are passed on. Errors that only this service's operator can fix become
//! 502, and temporary ones 503. A response contains only a code and a correlation id; the log gets the details from the
//! [`Cause`] in the response's extensions.

use std::time::Duration;

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use entra_shared::http_client::is_untrusted;
use entra_shared::one_line;
use entra_shared::problem::Problem;
use entra_token::{Awaited, ConfigurationFault, CredentialFault, TokenError};

use super::failure_log::Cause;
use crate::resource_client::{Refused, ResourceError};

/// The response to a request that failed.
#[derive(Debug)]
pub(super) struct Failure {
    problem: Box<Problem>,
    retry_after: Option<HeaderValue>,
    cause: Option<Box<Cause>>,
}

impl Failure {
    pub(super) fn new(status: StatusCode, code: &'static str) -> Self {
        Problem::new(status, code).into()
    }

    /// Creates a failure that this service's operator or time has to resolve.
    fn caused_by(cause: Cause, retry_after: Option<Duration>) -> Self {
        let status = match cause.code {
            "authority_unavailable" | "resource_unavailable" | "shutting_down" => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::BAD_GATEWAY,
        };
        let retry_after = retry_after.filter(|_| status == StatusCode::SERVICE_UNAVAILABLE).map(seconds);
        let problem = Box::new(Problem::new(status, cause.code));
        Self { problem, retry_after, cause: Some(Box::new(cause)) }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), retry_after: None, cause: None }
    }
}

impl From<&TokenError> for Failure {
    fn from(error: &TokenError) -> Self {
        let code = match error {
            TokenError::Credential(CredentialFault::Unusable(_)) => "credential_unusable",
            TokenError::Configuration(ConfigurationFault::ManagedIdentity(_)) => "managed_identity_unusable",
            TokenError::Configuration(ConfigurationFault::Untrusted { .. }) => "authority_untrusted",
            TokenError::Configuration(ConfigurationFault::Proxy(_))
            | TokenError::Throttled { .. }
            | TokenError::Unavailable(_)
            | TokenError::Abandoned => "authority_unavailable",
            TokenError::Credential(_) | TokenError::Configuration(_) => "token_refused",
            TokenError::Protocol { .. } => "authority_malformed",
        };
        let cause = Cause { code, message: "no access token", error: one_line(error) };
        let mut failure = Self::caused_by(cause, error.retry_after());
        let id = error.correlation_id().map(|id| format!(" Correlation id {id}.")).unwrap_or_default();
        failure.problem.detail = Some(format!("This service got no access token.{id}"));
        failure
    }
}

impl From<ResourceError> for Failure {
    fn from(error: ResourceError) -> Self {
        let code = match &error {
            ResourceError::Token(error) => return Self::from(error),
            ResourceError::Refused(refused) => return Self::from(refused.as_ref()),
            ResourceError::NotAHeaderValue(_) => return Self::new(StatusCode::BAD_REQUEST, "invalid_header"),
            ResourceError::Unreachable { source, .. } if is_untrusted(source) => "resource_untrusted",
            ResourceError::TimedOut { awaited: Awaited::Token, .. } => "authority_unavailable",
            ResourceError::Unreachable { .. } | ResourceError::TimedOut { .. } => "resource_unavailable",
            ResourceError::ShuttingDown(_) => "shutting_down",
            ResourceError::Malformed { .. } => "resource_malformed",
        };
        let message = "the call of the resource failed";
        Self::caused_by(Cause { code, message, error: one_line(&error) }, None)
    }
}

impl From<&Refused> for Failure {
    fn from(refused: &Refused) -> Self {
        let code = match refused.status {
            status if is_callers_fault(status) => {
                let problem = refused.problem.clone().filter(|problem| problem.status == status.as_u16());
                return problem.unwrap_or_else(|| Problem::new(status, "refused_by_resource")).into();
            }
            StatusCode::UNAUTHORIZED => "resource_refused_token",
            StatusCode::FORBIDDEN => "resource_denied_access",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "resource_unavailable",
            _ => "resource_failed",
        };
        let message = "the resource refused this client";
        Self::caused_by(Cause { code, message, error: refused.to_string() }, refused.retry_after)
    }
}

/// Rounds up, since a retry that is too early is refused again.
fn seconds(wait: Duration) -> HeaderValue {
    HeaderValue::from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0))
}

/// Returns whether the resource's status is about the caller's own input.
fn is_callers_fault(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::CONFLICT
            | StatusCode::GONE
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNPROCESSABLE_ENTITY
            | StatusCode::PRECONDITION_REQUIRED
    )
}

impl From<JsonRejection> for Failure {
    fn from(rejection: JsonRejection) -> Self {
        let code = match rejection.status() {
            StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
            StatusCode::PAYLOAD_TOO_LARGE => "content_too_large",
            StatusCode::UNPROCESSABLE_ENTITY => "invalid_resource",
            _ => "malformed_json",
        };
        // The rejection's own text quotes the body without a limit.
        Problem::new(rejection.status(), code)
            .detail("Send application/json with `name`, a string, and `content`, any JSON.")
            .into()
    }
}

impl From<PathRejection> for Failure {
    fn from(_: PathRejection) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "resource_not_found")
            .detail("There is no such resource: an id is a UUID.")
            .into()
    }
}

impl From<QueryRejection> for Failure {
    fn from(_: QueryRejection) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid_query")
            .detail(
                "`limit` is a number and `after` the previous page's `next`; there are no other parameters.",
            )
            .into()
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response().into_response();
        response.headers_mut().extend(self.retry_after.map(|wait| (header::RETRY_AFTER, wait)));
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(*cause);
        }
        response
    }
}
