//! Injects a fault into a request.

use std::future::{Future, pending};
use std::time::Duration;

use axum::Json;
use axum::body::{self, Body, Bytes};
use axum::response::{IntoResponse, Response};
use entra_shared::token_endpoint::TokenErrorResponse;
use http::{HeaderValue, StatusCode, header};

use super::broken_body::BrokenBody;
use super::fault::{Fault, Kind, LONGEST_LATENCY};
use crate::context::Context;

/// The largest response that a fault changes, in bytes. It is enough for a key set of all tenants.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;

/// A tenant id that does not exist, for issuers.
const OTHER_TENANT: &str = "00000000-0000-4000-8000-000000000000";

const EMPTY_KEY_SET: &str = r#"{"keys":[]}"#;

const BROKEN_KEY_SET: &str =
    r#"{"keys":[{"kty":"RSA","use":"sig","kid":"broken","x5t":"broken","n":"%","e":"AQAB","x5c":["%"]}]}"#;

/// Formats an error of this status for a listener.
pub(crate) type Envelope = fn(StatusCode, &Context) -> Response;

/// Responds to a request, with the fault applied.
pub(crate) async fn answer(
    fault: Option<&Fault>,
    (envelope, context): (Envelope, &Context),
    regular: impl Future<Output = Response>,
) -> Response {
    let Some(Fault(kind)) = fault else { return regular.await };
    let (mut kind, mut wait) = (kind, Duration::ZERO);
    while let Kind::Latency { milliseconds, then } = kind {
        wait = wait.saturating_add(Duration::from_millis(*milliseconds));
        kind = then;
    }
    if !wait.is_zero() {
        tokio::time::sleep(wait.min(LONGEST_LATENCY)).await;
    }
    match kind {
        Kind::None {} | Kind::Latency { .. } | Kind::Throttle { .. } => regular.await,
        Kind::Answer { status, headers, body } => {
            let mut response = Response::new(Body::from(body.clone()));
            *response.status_mut() =
                StatusCode::from_u16(status.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            headers.put_into(response.headers_mut());
            response
        }
        Kind::Status { status, retry_after_seconds, plain_text } => {
            let status = StatusCode::from_u16(status.0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = if *plain_text { in_plain_text(status) } else { envelope(status, context) };
            if let Some(seconds) = retry_after_seconds {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
            }
            response
        }
        Kind::Reset {} => Response::new(BrokenBody::after(Bytes::new())),
        Kind::Hang {} => pending().await,
        Kind::Truncated {} => with_body(regular.await, truncated).await,
        Kind::WrongIssuer {} => with_body(regular.await, with_wrong_issuer).await,
        Kind::EmptyKeySet {} => with_body(regular.await, |r, b| with_key_set(r, b, EMPTY_KEY_SET)).await,
        Kind::BrokenKeySet {} => with_body(regular.await, |r, b| with_key_set(r, b, BROKEN_KEY_SET)).await,
        Kind::ContentType { content_type } => {
            let mut response = regular.await;
            if let Ok(kind) = HeaderValue::try_from(content_type) {
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
            }
            response
        }
    }
}

fn in_plain_text(status: StatusCode) -> Response {
    (status, status.canonical_reason().unwrap_or("Error")).into_response()
}

/// Builds an error in Entra's format. Codes and texts are as documented; `temporarily_unavailable` for 429 is assumed.
///
/// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
pub(crate) fn in_entras_envelope(status: StatusCode, context: &Context) -> Response {
    let (code, error, text) = match status {
        StatusCode::TOO_MANY_REQUESTS => (
            90055,
            "temporarily_unavailable",
            "The request is throttled since there are too many incoming requests. Please try again later.",
        ),
        status if status.is_client_error() => {
            (9002313, "invalid_request", "Invalid request. Request is malformed or invalid.")
        }
        _ => (90033, "temporarily_unavailable", "A transient error has occurred. Please try again."),
    };
    let timestamp = context.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let (trace_id, correlation_id) = (context.trace_id, context.correlation_id());
    let error_description = format!(
        "AADSTS{code}: {text} Trace ID: {trace_id} Correlation ID: {correlation_id} Timestamp: {timestamp}"
    );
    let body = TokenErrorResponse {
        error: error.to_owned(),
        error_description,
        error_codes: vec![code],
        timestamp,
        trace_id: trace_id.to_string(),
        correlation_id: correlation_id.to_string(),
        error_uri: None,
    };
    (status, Json(body)).into_response()
}

async fn with_body(response: Response, change: impl FnOnce(Response, &Bytes) -> Response) -> Response {
    let (parts, body) = response.into_parts();
    let bytes = body::to_bytes(body, MAX_ANSWER_BYTES).await.unwrap_or_default();
    change(Response::from_parts(parts, Body::empty()), &bytes)
}

fn truncated(mut response: Response, body: &Bytes) -> Response {
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = BrokenBody::after(body.slice(..body.len() / 2));
    response
}

/// Replaces the tenant in the member `issuer`. A key set has no such member at the top and stays unchanged.
fn with_wrong_issuer(mut response: Response, body: &Bytes) -> Response {
    let text = if is_key_set(body) { "".into() } else { String::from_utf8_lossy(body) };
    let changed = text.split_once(r#""issuer":""#).and_then(|(before, rest)| {
        let (issuer, after) = rest.split_once('"')?;
        let mut parts: Vec<&str> = issuer.split('/').collect();
        // https: / / host / tenant / ...
        *parts.get_mut(3)? = OTHER_TENANT;
        Some(format!(r#"{before}"issuer":"{}"{after}"#, parts.join("/")))
    });
    *response.body_mut() = changed.map_or_else(|| Body::from(body.clone()), Body::from);
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

/// Replaces the keys, if the document is a key set.
fn with_key_set(mut response: Response, body: &Bytes, key_set: &'static str) -> Response {
    *response.body_mut() = if is_key_set(body) { Body::from(key_set) } else { Body::from(body.clone()) };
    response.headers_mut().remove(header::CONTENT_LENGTH);
    response
}

fn is_key_set(body: &[u8]) -> bool {
    body.starts_with(br#"{"keys":"#)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_answer_is_delayed_by_more_than_ten_minutes() {
        let script =
            r#"{"kind":"latency","milliseconds":500000,"then":{"kind":"latency","milliseconds":4000000000}}"#;
        for fault in [serde_json::from_str(script).unwrap(), Fault::latency(Duration::MAX)] {
            let (start, context) =
                (Instant::now(), Context::new(&HeaderMap::new(), jiff::Timestamp::UNIX_EPOCH));
            let regular = async { StatusCode::OK.into_response() };
            let envelope: Envelope = in_entras_envelope;
            assert_eq!(answer(Some(&fault), (envelope, &context), regular).await.status(), 200);
            assert_eq!(start.elapsed().as_secs(), LONGEST_LATENCY.as_secs());
        }
    }
}
