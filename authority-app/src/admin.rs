//! The admin listener: what a test needs beyond Entra, for processes that cannot call the Rust API.
//!
//! Plain http on a loopback address. A web page in a browser on this machine must not be able to use it: requests need
//! a JSON body, which a page of another origin cannot send unasked, and a loopback `Host`, which one that had its name
//! resolve to loopback does not have.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, body};
use http::uri::Authority;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;
use shared::problem::Problem;

use crate::endpoints::AppState;
use crate::mint::MintRequest;

/// The largest body, in bytes: room for a token with a great many claims.
const MAX_BODY_BYTES: usize = 64 * 1024;

/// The routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/keys/roll", post(roll_keys))
        .route("/tokens", post(mint))
        .layer(middleware::from_fn(guard))
        .with_state(state)
}

#[derive(Serialize)]
struct Minted {
    access_token: String,
}

async fn roll_keys(State(state): State<AppState>) -> Response {
    // Making a key takes a core some 100 ms.
    let keys = Arc::clone(&state.keys);
    match tokio::task::spawn_blocking(move || keys.roll()).await {
        Ok(Ok(())) => StatusCode::NO_CONTENT.into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

async fn mint(State(state): State<AppState>, request: Request) -> Response {
    let problem = |text: String| problem(StatusCode::BAD_REQUEST, "request_invalid", text);
    let Ok(bytes) = body::to_bytes(request.into_body(), MAX_BODY_BYTES).await else {
        return problem(format!("the body is longer than {MAX_BODY_BYTES} bytes"));
    };
    let request: MintRequest = match serde_json::from_slice(&bytes) {
        Ok(request) => request,
        Err(error) => return problem(error.to_string()),
    };
    let keys = state.keys.snapshot();
    match request.mint(&state.directory, keys.current(), state.origin.canonical()) {
        Ok(token) => {
            tracing::info!(client_id = %request.client_id, "minted a token");
            let headers = [(header::CACHE_CONTROL, "no-store")];
            (headers, Json(Minted { access_token: token.expose().to_owned() })).into_response()
        }
        Err(error) => problem(error.to_string()),
    }
}

/// Lets only programs of this machine through.
async fn guard(request: Request, next: Next) -> Response {
    if !has_loopback_host(request.headers()) {
        let text = "the Host is not localhost, 127.0.0.1 or [::1]".to_owned();
        return problem(StatusCode::FORBIDDEN, "host_refused", text);
    }
    if request.method() == Method::POST && !is_json(request.headers()) {
        let text = "send Content-Type: application/json".to_owned();
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_required", text);
    }
    next.run(request).await
}

pub(crate) fn has_loopback_host(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => Authority::try_from(host.as_bytes())
            .is_ok_and(|host| matches!(host.host(), "localhost" | "127.0.0.1" | "[::1]")),
        _ => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn problem(status: StatusCode, code: &'static str, detail: String) -> Response {
    Problem::new(status, code).detail(detail).into_response().map(Into::into)
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "the signing keys could not be rolled over");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the log says why".to_owned())
}
