//! The web service's routes and the layers around all of them.

mod failure;
mod failure_log;
mod health;
mod resources;

use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use entra_shared::correlation::REQUEST_ID;
use entra_shared::loopback::has_loopback_host;
use entra_shared::problem::Problem;
use http_shell::metrics::method_label;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;

use self::failure::Failure;
use self::failure_log::Cause;
pub(crate) use self::failure_log::FailureLog;
use crate::metrics::Metrics;
use crate::resource_client::{Correlation, ResourceClient};

/// The largest request body, in bytes. It has room for content of 64 KiB even if its JSON is escaped throughout.
const MAX_BODY_BYTES: usize = 512 * 1024;

/// The time-out of a request, including its body, a token request and the call of the resource.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// Records requests, by metrics of all of them and log lines of failures.
#[derive(Debug, Clone)]
pub(crate) struct Observers {
    pub(crate) metrics: Metrics,
    pub(crate) log: FailureLog,
}

/// Creates the routes. `local` restricts `Host` to loopback names; `shutdown` makes readiness fail.
pub(crate) fn routes(
    client: ResourceClient,
    observers: Observers,
    local: bool,
    shutdown: CancellationToken,
) -> Router {
    let routes = Router::new()
        .route("/api/resources", get(resources::list).post(resources::create))
        .route("/api/resources/{id}", get(resources::read).put(resources::replace).delete(resources::delete))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(async move |client| health::ready(client, &shutdown).await))
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "route_not_found"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")
        })
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let routes = if local { routes.layer(from_fn(require_loopback_host)) } else { routes };
    routes
        .layer(from_fn(limit_time))
        .layer(CatchPanicLayer::custom(|_| {
            Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error").into_response()
        }))
        .layer(from_fn_with_state((client, observers), record))
}

/// Refuses a `Host` other than a loopback name, which protects against DNS rebinding by web pages.
async fn require_loopback_host(request: Request, next: Next) -> Response {
    if has_loopback_host(request.uri(), request.headers()) {
        next.run(request).await
    } else {
        Failure::from(
            Problem::new(StatusCode::MISDIRECTED_REQUEST, "not_this_machine")
                .detail("A service on a loopback address answers to localhost, 127.0.0.1 and [::1] only."),
        )
        .into_response()
    }
}

async fn limit_time(request: Request, next: Next) -> Response {
    let timed_out = || Failure::new(StatusCode::SERVICE_UNAVAILABLE, "timed_out").into_response();
    tokio::time::timeout(TIME_LIMIT, next.run(request)).await.unwrap_or_else(|_| timed_out())
}

/// Records each request, hands its handler a client that calls on its behalf, and returns its id in the response.
async fn record(
    State((client, observers)): State<(ResourceClient, Observers)>,
    route: Option<MatchedPath>,
    mut request: Request,
    next: Next,
) -> Response {
    // The route, not the path, which may contain anything.
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str);
    let method = method_label(request.method());
    let is_probe = route.starts_with("/health/");
    let correlation = Correlation::from_headers(request.headers());
    let request_id = correlation.request_id().clone();
    let span = tracing::info_span!(
        "request", method = %request.method(), route, %request_id, trace_id = correlation.trace_id()
    );
    request.extensions_mut().insert(client.on_behalf_of(correlation));
    let started = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(REQUEST_ID, request_id.header_value());
    let elapsed = started.elapsed();
    observers.metrics.recorder.record_request(method, route, response.status(), elapsed);
    let (status, milliseconds) = (response.status().as_u16(), elapsed.as_secs_f64() * 1000.0);
    span.in_scope(|| {
        if let Some(cause) = response.extensions().get::<Cause>() {
            observers.log.write(cause);
        }
        // Probes arrive every few seconds.
        if is_probe {
            tracing::debug!(status, milliseconds, "answered");
        } else {
            tracing::info!(status, milliseconds, "answered");
        }
    });
    response
}
