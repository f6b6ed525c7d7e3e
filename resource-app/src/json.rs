//! Answers in JSON.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderValue};
use serde::Serialize;

use crate::error::ApiError;

/// Room for what most answers hold, in bytes.
const BODY: usize = 512;

/// Room for the header fields of an answer, with those that are set on its way out.
const FIELDS: usize = 8;

/// An answer in JSON, like axum's own, for which room is made once.
///
/// Whoever gives it another status looks at it first: what cannot be written is a failure.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        let Self(value) = self;
        let mut body = Vec::with_capacity(BODY);
        if let Err(error) = serde_json::to_writer(&mut body, &value) {
            return ApiError::Unwritable(error).into_response();
        }
        let mut response = Response::new(Body::from(body));
        let mut headers = HeaderMap::with_capacity(FIELDS);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use axum::body::to_bytes;

    use super::*;

    #[tokio::test]
    async fn what_cannot_be_written_is_a_failure_and_no_half_answer() {
        let good = Json(BTreeMap::from([("a", 1)])).into_response();
        assert_eq!(good.headers()["content-type"], "application/json");
        assert_eq!(to_bytes(good.into_body(), 100).await.unwrap(), r#"{"a":1}"#);
        // JSON has texts alone for the names of members.
        let bad = Json(BTreeMap::from([([0_u8; 1], 1)])).into_response();
        assert_eq!(bad.status(), 500);
        let body = to_bytes(bad.into_body(), 1000).await.unwrap();
        assert!(body.starts_with(br#"{"type":"about:blank","status":500"#), "{body:?}");
    }
}
