//! The admin listener: offers the Rust API's test controls to other processes, over HTTP.
//!
//! Plain http on a loopback address. Web pages in a browser on this machine must not be able to use it. It therefore
//! refuses requests with an `Origin` or a cross-site `Sec-Fetch-Site`, `POST`s without a JSON body (which need a CORS
//! preflight), and any `Host` that is not loopback (DNS rebinding).
//!
//! `GET /openapi.json` describes the routes, each with an example. `tenant` is an id; where it may be absent, it is the
//! directory's first. Errors are problems (RFC 9457).

mod apps;
mod body;
mod control;
mod credentials;
mod keys;
mod one_at_a_time;
mod registrations;
mod routes;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json, Router};
use entra_shared::ids::TenantId;
use entra_shared::json::is_utf8;
use entra_shared::loopback::has_loopback_host;
use entra_shared::problem::{MEDIA_TYPE, Problem};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;

use crate::endpoints::{AppState, read_body};
use crate::mint::MintRequest;
use crate::tenants::LiveTenant;
use body::Body;
use one_at_a_time::OneAtATime;

/// The longest text of a refusal of axum's own, in bytes.
const MAX_REFUSAL_BYTES: usize = 4096;

/// Returns the routes, behind the guard.
pub(crate) fn router(state: AppState) -> Router {
    routes::router()
        .fallback(async || {
            problem(StatusCode::NOT_FOUND, "route_not_found", "there is no such route".to_owned())
        })
        .layer(Extension(OneAtATime::default()))
        .layer(middleware::from_fn(guard))
        .with_state(state)
}

#[derive(Serialize)]
struct Minted {
    access_token: String,
}

async fn mint(State(state): State<AppState>, Body(request): Body<MintRequest>) -> Response {
    match request.mint(&state.tenants, state.origin.canonical()) {
        Ok(token) => {
            tracing::info!(client_id = %request.client_id, "minted a token");
            never_stored(Json(Minted { access_token: token.expose().to_owned() }))
        }
        Err(error) => invalid(error.to_string()),
    }
}

/// Returns a response that contains tokens or secrets.
fn never_stored(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// Returns the tenant that a request names, or the first one.
fn tenant(state: &AppState, id: Option<TenantId>) -> Result<Arc<LiveTenant>, Box<Response>> {
    let found = id.map_or_else(|| Some(Arc::clone(state.tenants.first())), |id| state.tenants.tenant(id));
    found.ok_or_else(|| Box::new(unknown_tenant()))
}

fn unknown_tenant() -> Response {
    problem(StatusCode::NOT_FOUND, "tenant_unknown", "there is no such tenant".to_owned())
}

fn invalid(detail: String) -> Response {
    problem(StatusCode::BAD_REQUEST, "request_invalid", detail)
}

/// Refuses requests that a browser sent for a web page.
async fn guard(request: Request, next: Next) -> Response {
    if !has_loopback_host(request.uri(), request.headers()) {
        let text = "the Host is not localhost, 127.0.0.1 or [::1]".to_owned();
        return problem(StatusCode::FORBIDDEN, "host_refused", text);
    }
    if is_of_a_page(request.headers()) {
        let text = "the request comes from a web page".to_owned();
        return problem(StatusCode::FORBIDDEN, "origin_refused", text);
    }
    if request.method() == Method::POST && !(is_json(request.headers()) && is_utf8(request.headers())) {
        let text = "send Content-Type: application/json, in UTF-8".to_owned();
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_required", text);
    }
    let response = next.run(request).await;
    let status = response.status();
    let is_problem = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if is_problem || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    // A refusal of axum's own, such as of a query.
    let body = read_body(response.into_body(), MAX_REFUSAL_BYTES).await;
    let detail = body.map(|body| String::from_utf8_lossy(&body).into_owned()).unwrap_or_default();
    let code =
        if status == StatusCode::METHOD_NOT_ALLOWED { "method_not_allowed" } else { "request_invalid" };
    problem(status, code, detail)
}

/// Returns whether browser headers show that a web page sent the request
/// (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>).
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    headers.contains_key(header::ORIGIN) || sites.any(|site| site != "none" && site != "same-origin")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn problem(status: StatusCode, code: &'static str, detail: String) -> Response {
    Problem::new(status, code).detail(detail).into_response().map(Into::into)
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a request to the admin listener failed");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the log says why".to_owned())
}
