//! Whether the app lives, and whether it can do its work.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::problem::Problem;
use shared::process::one_line;
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::state::AppState;

/// The answer of an app that is well.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `live` or `ready`.
    status: &'static str,
}

/// Says that the process answers.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200, body = Health)))]
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// Says whether the keys and the store are at hand, and the app is not about to end.
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
pub(crate) async fn ready(State(state): State<AppState>) -> Result<Json<Health>, ApiError> {
    if state.ending.is_cancelled() {
        return Err(ApiError::NotReady("shutting down".to_owned()));
    }
    let mut missing = Vec::new();
    if !state.authenticator.keys().are_usable() {
        missing.push("the signing keys");
    }
    if let Err(error) = state.store.check().await {
        tracing::error!(error = one_line(&error), "the store does not answer");
        missing.push("the store");
    }
    if missing.is_empty() {
        Ok(Json(Health { status: "ready" }))
    } else {
        Err(ApiError::NotReady(format!("waiting for {}", missing.join(" and "))))
    }
}
