//! Turns errors into HTTP responses.
//!
//! A body is a problem document (RFC 9457) with a stable `code`. It never contains a source error or part of a token.
//! The guard logs refusals; [`crate::observation`] logs failures of the app, once each.

mod codes;

use axum::response::{IntoResponse, Response};
pub use codes::codes;
use entra_shared::one_line;
use entra_shared::problem::Problem;
use http::{HeaderValue, StatusCode, header};

use crate::store::StoreError;
use entra_guard::{Denial, ProblemCode};

/// `Retry-After` of every 503, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// A policy denied the request, because the caller lacks a role or may not change this resource.
    #[error("{} denied", .0.policy)]
    Denied(Denial),
    /// The request is invalid.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The database or its disk.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The app is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
    /// A handler panicked, which is a defect of this app.
    #[error("a handler panicked")]
    Panicked,
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Absent => RequestError::ResourceNotFound.into(),
            StoreError::Stale => RequestError::PreconditionFailed.into(),
            StoreError::KeyReused => RequestError::IdempotencyKeyReused.into(),
            StoreError::Denied(denial) => Self::Denied(denial),
            StoreError::Database(_) | StoreError::Unreadable { .. } => Self::Store(error),
        }
    }
}

macro_rules! request_errors {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $code:literal, $text:literal;)+) => {
        /// Why a request is invalid. The caller is always at fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        pub enum RequestError {
            $($(#[$doc])* #[error($text)] $variant,)+
        }

        impl RequestError {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the status, the code and the text of the answer.
            fn answer(self) -> (StatusCode, &'static str, &'static str) {
                match self { $(Self::$variant => (StatusCode::$status, $code, $text),)+ }
            }
        }
    };
}

request_errors! {
    /// No such route.
    RouteNotFound = NOT_FOUND, "route_not_found", "no such route";
    /// There is no such resource. An id that is not a UUID names none either.
    ResourceNotFound = NOT_FOUND, "resource_not_found", "no such resource";
    /// The route does not support the method.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "the route does not support this method";
    /// `limit` is out of range.
    InvalidLimit = BAD_REQUEST, "invalid_limit", "`limit` must be a number from 1 to 100";
    /// `after` is not a cursor of this API.
    InvalidCursor = BAD_REQUEST, "invalid_cursor", "`after` must be the `next` of a page";
    /// The query is malformed, or has an unknown or repeated parameter.
    InvalidQuery = BAD_REQUEST, "invalid_query", "the query may contain `limit` and `after`, each once";
    /// The body is not `application/json`.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body must be application/json in UTF-8";
    /// The body is not JSON.
    MalformedJson = BAD_REQUEST, "malformed_json", "the body is not JSON";
    /// The body is JSON, but not a resource.
    InvalidResource = UNPROCESSABLE_ENTITY, "invalid_resource",
        "the body must be an object with `name`, a string, and `content`, any JSON, and nothing else";
    /// The name is empty, too long, or contains a control character.
    InvalidName = UNPROCESSABLE_ENTITY, "invalid_name",
        "`name` must have 1 to 200 characters, none of them a control character";
    /// The content or the body is too large.
    ContentTooLarge = PAYLOAD_TOO_LARGE, "content_too_large", "`content` may have at most 64 KiB";
    /// The body ended early.
    IncompleteBody = BAD_REQUEST, "incomplete_body", "the body ended early";
    /// `Idempotency-Key` is malformed or repeated.
    InvalidIdempotencyKey = BAD_REQUEST, "invalid_idempotency_key",
        "at most one Idempotency-Key, of 1 to 255 visible ASCII characters, may be sent";
    /// The `Idempotency-Key` was used with a different body before.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused",
        "the Idempotency-Key was used for a different request";
    /// `If-Match` is malformed.
    InvalidIfMatch = BAD_REQUEST, "invalid_if_match", "If-Match must be `*` or a list of entity tags";
    /// `If-Match` is missing (RFC 6585 section 3).
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition_required",
        "send If-Match with the ETag of the version to change";
    /// `If-Match` names an older version (RFC 9110 section 13.1.1).
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "the resource has changed since that version";
    /// The request took too long, usually because its body arrived too slowly.
    Timeout = REQUEST_TIMEOUT, "request_timeout", "the request took too long";
}

/// A failure for the log; the response does not reveal it.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

impl ApiError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Denied(denial) => (StatusCode::FORBIDDEN, denial.reason()),
            Self::Request(error) => {
                let (status, code, _) = error.answer();
                (status, code)
            }
            // Retrying would not help.
            Self::Store(StoreError::Unreadable { .. }) => {
                (StatusCode::INTERNAL_SERVER_ERROR, "resource_unreadable")
            }
            Self::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            Self::NotReady(_) => (StatusCode::SERVICE_UNAVAILABLE, "not_ready"),
            Self::Panicked => (StatusCode::INTERNAL_SERVER_ERROR, "internal_error"),
        }
    }
}

impl IntoResponse for RequestError {
    fn into_response(self) -> Response {
        ApiError::from(self).into_response()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Self::Denied(denial) = self {
            return denial.into_response();
        }
        let (status, code) = self.status_and_code();
        let problem = Problem::new(status, code);
        let mut response = match &self {
            Self::Denied(_) | Self::Request(_) | Self::NotReady(_) => {
                problem.detail(self.to_string()).into_response()
            }
            Self::Store(_) | Self::Panicked => {
                let mut response = problem.into_response();
                response.extensions_mut().insert(Failure(one_line(&self)));
                response
            }
        };
        response.extensions_mut().insert(ProblemCode(code));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response.map(Into::into)
    }
}
