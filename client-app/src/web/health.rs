//! Whether the service is there, and whether it can do its work.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use crate::resource_client::ResourceClient;

/// How long a readiness probe waits for a token; the request for it goes on without the probe.
const TOKEN_WAIT: Duration = Duration::from_secs(2);

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// The process answers.
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "live" })
}

/// A token is at hand, or could be acquired just now, and the service is not about to end.
///
/// The resource is not asked: its own readiness is known where it runs, and taking this service out of rotation
/// mends nothing there.
pub(super) async fn ready(
    State(client): State<ResourceClient>,
    ending: &CancellationToken,
) -> Result<Json<Health>, Failure> {
    if ending.is_cancelled() {
        return Err(Failure::new(http::StatusCode::SERVICE_UNAVAILABLE, "shutting_down"));
    }
    client.within(TOKEN_WAIT).token().await?;
    Ok(Json(Health { status: "ready" }))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use entra_shared::settings::Environment;

    use super::*;
    use crate::Settings;

    #[tokio::test]
    async fn a_service_that_is_about_to_end_is_not_ready_and_says_so_at_once() {
        let secret = ("AZURE_AD__CLIENT_SECRET".to_owned(), "x".to_owned());
        let settings = Settings::load(None, Environment::from_iter([secret])).unwrap();
        let ending = CancellationToken::new();
        ending.cancel();
        let client = settings.resource_client().unwrap().until(ending.clone());
        let failure = ready(State(client), &ending).await.err().unwrap().into_response();
        assert_eq!(failure.status(), http::StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(failure.into_body(), 1024).await.unwrap();
        assert_eq!(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["code"], "shutting_down");
    }
}
