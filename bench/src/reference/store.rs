//! The read of `GET /api/resources/{id}`, with the query and the connections of the resource-app.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use sqlx::SqlitePool;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use uuid::Uuid;

use crate::system::TENANT;

/// The number of connections for reading, as in the resource-app.
const READERS: u32 = 4;

/// The database, read only.
#[derive(Debug, Clone)]
pub(super) struct Store {
    readers: Arc<SqlitePool>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    content: String,
    created_by: String,
    created_at: String,
    updated_at: String,
    version: i64,
}

#[derive(Serialize)]
struct Resource {
    id: Uuid,
    name: String,
    content: Value,
    created_by: Uuid,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Store {
    pub(super) fn open(path: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(path).pragma("query_only", "ON");
        let pool = PoolOptions::new().max_connections(READERS).test_before_acquire(false);
        Self { readers: Arc::new(pool.idle_timeout(None).max_lifetime(None).connect_lazy_with(options)) }
    }

    /// Reads one resource as a response.
    pub(super) async fn answer(&self, id: Uuid) -> Response {
        let row: Result<Option<Row>, sqlx::Error> =
            sqlx::query_as("SELECT * FROM resources WHERE tenant = ? AND id = ?")
                .bind(TENANT)
                .bind(id.to_string())
                .fetch_optional(&*self.readers)
                .await;
        match row.map(|row| row.map(shown)) {
            Ok(Some(Some(response))) => response,
            Ok(None) => StatusCode::NOT_FOUND.into_response(),
            Ok(Some(None)) | Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}

/// Reads a resource for any caller.
pub(super) async fn read(State(store): State<Store>, UrlPath(id): UrlPath<Uuid>) -> Response {
    store.answer(id).await
}

fn shown(row: Row) -> Option<Response> {
    let resource = Resource {
        id: row.id.parse().ok()?,
        name: row.name,
        content: serde_json::from_str(&row.content).ok()?,
        created_by: row.created_by.parse().ok()?,
        created_at: row.created_at.parse().ok()?,
        updated_at: row.updated_at.parse().ok()?,
    };
    Some(([(header::ETAG, format!("\"{}\"", row.version))], Json(resource)).into_response())
}
