//! JSON responses.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderMap, HeaderValue};
use serde::Serialize;

use crate::error::ApiError;

/// Initial capacity of a body in bytes; most fit.
const BODY: usize = 512;

/// Initial capacity for header fields, including those that layers add later.
const FIELDS: usize = 8;

/// A JSON response, like axum's `Json` but with one allocation each for body and header.
///
/// If serializing fails the response is a 500, so check the status before replacing it.
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
    async fn a_value_that_cannot_be_serialized_is_answered_500() {
        let good = Json(BTreeMap::from([("a", 1)])).into_response();
        assert_eq!(good.headers()["content-type"], "application/json");
        assert_eq!(to_bytes(good.into_body(), 100).await.unwrap(), r#"{"a":1}"#);
        // JSON member names must be strings.
        let bad = Json(BTreeMap::from([([0_u8; 1], 1)])).into_response();
        assert_eq!(bad.status(), 500);
        let body = to_bytes(bad.into_body(), 1000).await.unwrap();
        assert!(body.starts_with(br#"{"type":"about:blank","status":500"#), "{body:?}");
    }
}
