//! The liveness and readiness probes.

use axum::Json;
use axum::extract::State;
use entra_shared::one_line;
use entra_shared::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::AppState;

/// The answer of a live or ready app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Tells that the process responds.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Tells whether the app has its signing keys and its store, and is not shutting down.
#[utoipa::path(
    get,
    path = "/health/ready",
    tag = "health",
    security(()),
    responses(
        (status = 200, body = Health),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn ready(State(AppState(app)): State<AppState>) -> Result<Json<Health>, ApiError> {
    if app.ending.is_cancelled() {
        return Err(ApiError::NotReady("shutting down".to_owned()));
    }
    let mut missing = Vec::new();
    if !app.guard.is_ready() {
        missing.push("the signing keys");
    }
    let store = app.store.check().await.map_err(|error| one_line(&error)).err();
    missing.extend(store.as_ref().map(|_| "the store"));
    let missing = missing.join(" and ");
    app.readiness.record(&missing, store.as_deref());
    if missing.is_empty() {
        Ok(Json(Health { status: "ready" }))
    } else {
        Err(ApiError::NotReady(format!("waiting for {missing}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_log::TestLog;

    #[tokio::test]
    async fn only_changes_of_readiness_are_logged() {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path()).await;
        let (log, _guard) = TestLog::start();
        for _ in 0..500 {
            ready(State(state.clone())).await.unwrap_err();
        }
        state.0.store.close().await;
        for _ in 0..500 {
            ready(State(state.clone())).await.unwrap_err();
        }
        let changes = log.named("not ready");
        let missing: Vec<_> = changes.iter().map(|event| event["missing"].clone()).collect();
        assert_eq!(missing, ["the signing keys", "the signing keys and the store"]);
        assert!(changes[0].get("store").is_none() && changes[1]["store"].is_string(), "{changes:?}");
        assert_eq!(log.named("ready").len(), 0);
        state.0.readiness.record("", None);
        assert_eq!(log.named("ready").len(), 1);
    }
}
