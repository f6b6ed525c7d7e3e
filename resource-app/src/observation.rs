//! What surrounds every request: an id, a span, a number in the metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue};
use tracing::Instrument;
use uuid::Uuid;

use crate::error::Code;
use crate::metrics::{Answer, Metrics};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest request id that is taken over from a caller, in characters.
const MAX_REQUEST_ID: usize = 128;

/// Names the request in the log and in the answer, and counts it.
pub(crate) async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let method = request.method().clone();
    // The template, since a path holds what callers make up; and no query, since somebody may put a token there.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let id = request_id(request.headers());
    let span = tracing::info_span!("request", %method, route, request_id = id.to_str().unwrap_or_default());
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let answer = Answer { status, code: response.extensions().get::<Code>().copied() };
    metrics.request(&method, &route, answer, start.elapsed());
    span.in_scope(|| {
        let microseconds = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let code = answer.code.map(|Code(code)| code);
        tracing::debug!(status = status.as_u16(), code, microseconds, "answered");
    });
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// The caller's id for the request if it is a plain word, so that logs of several services can be joined.
fn request_id(headers: &HeaderMap) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        (1..=MAX_REQUEST_ID).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
    };
    headers.get(REQUEST_ID).filter(plain).cloned().unwrap_or_else(|| {
        let new = Uuid::new_v4().to_string();
        HeaderValue::try_from(new).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_id_is_taken_over_only_if_it_is_a_plain_word() {
        let id_for = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(REQUEST_ID, HeaderValue::from_bytes(value).unwrap());
            request_id(&headers).to_str().unwrap().to_owned()
        };
        assert_eq!(id_for(b"01-ab_C.d"), "01-ab_C.d");
        for wrong in [&b""[..], b"a b", b"a;b", b"\x9b31m", b"a\"b", &[b'a'; MAX_REQUEST_ID + 1]] {
            assert!(Uuid::try_parse(&id_for(wrong)).is_ok());
        }
    }
}
