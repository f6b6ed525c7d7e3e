//! Liveness and readiness.

use std::time::Duration;

use axum::{Extension, Json};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::resource_client::ResourceClient;

/// How long a readiness probe waits for a token; the token request continues after that.
const TOKEN_WAIT: Duration = Duration::from_secs(2);

/// Responds while the process runs.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "live" }))
}

/// Responds with 200 if a token is available and the service is not shutting down.
///
/// The resource is not called: it has its own readiness probe, and taking this service out of rotation would not help.
pub(super) async fn ready(
    Extension(client): Extension<ResourceClient>,
    shutdown: &CancellationToken,
) -> Result<Json<Value>, Failure> {
    if shutdown.is_cancelled() {
        return Err(Failure::new(http::StatusCode::SERVICE_UNAVAILABLE, "shutting_down"));
    }
    client.within(TOKEN_WAIT).token().await?;
    Ok(Json(json!({ "status": "ready" })))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use entra_shared::settings::Environment;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn a_service_that_is_shutting_down_is_immediately_not_ready() {
        let secret = ("AZURE_AD__CLIENT_SECRET".to_owned(), "x".to_owned());
        let settings = Settings::load(None, Environment::from_iter([secret])).unwrap();
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let client = settings.resource_client().unwrap().until(shutdown.clone());
        let failure = ready(Extension(client), &shutdown).await.err().unwrap().into_response();
        assert_eq!(failure.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(failure.into_body(), 1024).await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], "shutting_down");
    }
}
