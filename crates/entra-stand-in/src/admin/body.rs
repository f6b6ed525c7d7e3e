//! The JSON body of a request.

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::invalid;
use crate::endpoints::read_body;

/// The largest body in bytes; enough for a token with very many claims.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// Extracts a JSON body; the rejection describes what is wrong with it.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let bytes = read_body(request.into_body(), MAX_BODY_BYTES).await;
        let bytes =
            bytes.ok_or_else(|| invalid(format!("the body is longer than {MAX_BODY_BYTES} bytes")))?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| invalid(error.to_string()))
    }
}
