//! Extractor for the `Idempotency-Key` header.

use axum::extract::OptionalFromRequestParts;
use http::request::Parts;

use crate::error::RequestError;
use crate::state::AppState;
use crate::store::IdempotencyKey;

const HEADER: &str = "idempotency-key";

impl OptionalFromRequestParts<AppState> for IdempotencyKey {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Option<Self>, RequestError> {
        let mut values = parts.headers.get_all(HEADER).iter();
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(value), None) => {
                Self::parse(value.as_bytes()).map(Some).ok_or(RequestError::InvalidIdempotencyKey)
            }
            (Some(_), Some(_)) => Err(RequestError::InvalidIdempotencyKey),
        }
    }
}
