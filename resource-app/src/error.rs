//! The one place where errors become HTTP.
//!
//! A body is a problem (RFC 9457) with a stable `code`; it never holds a source error or anything of a token.
//! A refusal is on record where it was decided, by the guard; what failed in here is logged once, in
//! [`crate::observation`].

mod codes;

use axum::response::{IntoResponse, Response};
pub use codes::codes;
use entra_shared::one_line;
use entra_shared::problem::Problem;
use http::{HeaderValue, StatusCode, header};

use crate::store::StoreError;
use entra_guard::{Denial, ProblemCode};

/// How long to wait before trying again when the fault is not the caller's, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Why a request is not answered as it wished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// The caller, or who grants roles: a policy said no.
    #[error("{} denied", .0.policy)]
    Denied(Denial),
    /// The caller: something else is wrong with the request.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The database or its disk.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// Nobody yet: the app is not ready.
    #[error("not ready: {0}")]
    NotReady(String),
    /// This app: an answer is nothing that JSON can say.
    #[error("an answer cannot be written")]
    Unwritable(#[source] serde_json::Error),
    /// This app: a handler panicked.
    #[error("a handler panicked")]
    Panicked,
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}

macro_rules! request_errors {
    ($($(#[$doc:meta])* $variant:ident = $status:ident, $code:literal, $text:literal;)+) => {
        /// What is wrong with a request: always the caller's doing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
        pub(crate) enum RequestError {
            $($(#[$doc])* #[error($text)] $variant,)+
        }

        impl RequestError {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn status(self) -> StatusCode {
                match self { $(Self::$variant => StatusCode::$status,)+ }
            }

            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }
        }
    };
}

request_errors! {
    /// No such route.
    RouteNotFound = NOT_FOUND, "route_not_found", "there is nothing at this path";
    /// No such resource; an id that is not a UUID names none either.
    ResourceNotFound = NOT_FOUND, "resource_not_found", "there is no such resource";
    /// A method that the route does not have.
    MethodNotAllowed = METHOD_NOT_ALLOWED, "method_not_allowed", "the path does not have this method";
    /// A `limit` out of range.
    InvalidLimit = BAD_REQUEST, "invalid_limit", "`limit` must be a number from 1 to 100";
    /// An `after` that this API did not give out.
    InvalidCursor = BAD_REQUEST, "invalid_cursor", "`after` must be the `next` of a page";
    /// A query that cannot be read.
    InvalidQuery = BAD_REQUEST, "invalid_query", "the query may name `limit` and `after`, each once";
    /// Not `application/json`.
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", "the body must be application/json";
    /// Not JSON.
    MalformedJson = BAD_REQUEST, "malformed_json", "the body is not JSON";
    /// JSON, but no resource.
    InvalidResource = UNPROCESSABLE_ENTITY, "invalid_resource",
        "the body must be an object with `name`, a string, and `content`, any JSON, and nothing else";
    /// A name that is empty, too long or not one line.
    InvalidName = UNPROCESSABLE_ENTITY, "invalid_name",
        "`name` must have 1 to 200 characters, none of them a control character";
    /// More than a resource may hold.
    ContentTooLarge = PAYLOAD_TOO_LARGE, "content_too_large", "`content` may have 64 KiB";
    /// A body that broke off.
    IncompleteBody = BAD_REQUEST, "incomplete_body", "the body broke off";
    /// An `Idempotency-Key` out of form.
    InvalidIdempotencyKey = BAD_REQUEST, "invalid_idempotency_key",
        "one Idempotency-Key of 1 to 255 visible ASCII characters may be sent";
    /// An `Idempotency-Key` that was sent with another body before.
    IdempotencyKeyReused = UNPROCESSABLE_ENTITY, "idempotency_key_reused",
        "the Idempotency-Key was used for another request";
    /// An `If-Match` out of form.
    InvalidIfMatch = BAD_REQUEST, "invalid_if_match", "If-Match must be `*` or a list of entity tags";
    /// No `If-Match` where one is needed (RFC 6585 section 3).
    PreconditionRequired = PRECONDITION_REQUIRED, "precondition_required",
        "send If-Match with the ETag of the version to be changed";
    /// An `If-Match` of an older version (RFC 9110 section 13.1.1).
    PreconditionFailed = PRECONDITION_FAILED, "precondition_failed", "the resource has been changed meanwhile";
    /// The request took too long: most likely its body came too slowly.
    Timeout = REQUEST_TIMEOUT, "request_timeout", "the request took too long";
}

/// What failed in here, for whoever logs it: the answer does not say.
#[derive(Debug, Clone)]
pub(crate) struct Failure(pub(crate) String);

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::Store(StoreError::Database(_)) | Self::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Denied(_) => StatusCode::FORBIDDEN,
            Self::Request(error) => error.status(),
            // No later try is going to succeed.
            Self::Store(StoreError::Unreadable { .. }) | Self::Unwritable(_) | Self::Panicked => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Denied(denial) => denial.reason(),
            Self::Request(error) => error.code(),
            Self::Store(StoreError::Database(_)) => "store_unavailable",
            Self::Store(StoreError::Unreadable { .. }) => "resource_unreadable",
            Self::NotReady(_) => "not_ready",
            Self::Unwritable(_) | Self::Panicked => "internal_error",
        }
    }

    /// What the caller is told beside the code.
    fn detail(&self) -> Option<String> {
        match self {
            Self::Request(_) | Self::NotReady(_) => Some(self.to_string()),
            Self::Denied(_) | Self::Store(_) | Self::Unwritable(_) | Self::Panicked => None,
        }
    }

    /// What is to be logged of it: what neither the record of the decision tells nor
    /// [`crate::health`].
    fn failure(&self) -> Option<Failure> {
        match self {
            Self::Denied(_) | Self::Request(_) | Self::NotReady(_) => None,
            Self::Store(_) | Self::Unwritable(_) | Self::Panicked => Some(Failure(one_line(self))),
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
        let (status, code) = (self.status(), self.code());
        let mut problem = Problem::new(status, code);
        problem.detail = self.detail();
        let mut response = problem.into_response().map(Into::into);
        response.extensions_mut().insert(ProblemCode(code));
        if let Some(failure) = self.failure() {
            response.extensions_mut().insert(failure);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}
