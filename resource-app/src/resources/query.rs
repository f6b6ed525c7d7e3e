//! Extractors for the query and the path.

use axum::extract::{FromRequestParts, Path, Query};
use http::request::Parts;
use serde::Deserialize;
use uuid::Uuid;

use super::cursor;
use crate::error::RequestError;
use crate::state::AppState;

/// Resources per page if the caller does not set `limit`.
const DEFAULT_LIMIT: u8 = 50;

/// Maximum number of resources per page.
const MAX_LIMIT: u8 = 100;

/// `?limit=&after=`.
#[derive(Debug)]
pub(crate) struct ListQuery {
    pub(crate) limit: u8,
    pub(crate) after: Option<Uuid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawListQuery {
    limit: Option<String>,
    after: Option<String>,
}

impl FromRequestParts<AppState> for ListQuery {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, RequestError> {
        let Query(RawListQuery { limit, after }) =
            Query::try_from_uri(&parts.uri).map_err(|_| RequestError::InvalidQuery)?;
        Ok(Self {
            limit: limit.map_or(Ok(DEFAULT_LIMIT), |text| parse_limit(&text))?,
            after: after.map(|text| cursor::parse(&text).ok_or(RequestError::InvalidCursor)).transpose()?,
        })
    }
}

fn parse_limit(text: &str) -> Result<u8, RequestError> {
    let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
    limit.ok_or(RequestError::InvalidLimit)
}

/// The `{id}` of a path.
#[derive(Debug)]
pub struct ResourceId(pub Uuid);

impl FromRequestParts<AppState> for ResourceId {
    type Rejection = RequestError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, RequestError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| RequestError::ResourceNotFound)?;
        // `Uuid` parses several forms; accepting only one gives each resource a single URL.
        let id = Uuid::try_parse(&text).ok().filter(|id| id.to_string() == text);
        id.map(Self).ok_or(RequestError::ResourceNotFound)
    }
}
