//! The whole service: the router, and what applies to every request.
//!
//! It wraps the finished router instead of adding layers to it: `Router::layer` clones the route of each request once for
//! each layer.

use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::{FutureExt, poll};
use http::header::{self, HeaderName, HeaderValue};
use hyper::service::{Service, service_fn};
use tokio::time::timeout_at;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use crate::error::{ApiError, RequestError};
use crate::guard::{guard, is_below};
use crate::observation::{Observer, RequestContext};
use crate::resources::MAX_BODY_BYTES;
use crate::router::{API, answer};
use crate::state::AppState;

/// Time limit for a request, including its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps browsers from guessing the type of an answer.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// Keeps browsers from loading anything for an answer; a page sets its own policy.
const LOAD_NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// The router with everything that applies to all requests.
#[derive(Debug)]
pub(crate) struct ApiService {
    routes: Router,
    state: AppState,
    observer: Observer,
    /// Request headers that `Debug` must not show.
    sensitive: Arc<[HeaderName]>,
}

type Answer<'p> = Pin<Box<dyn Future<Output = Response> + Send + 'p>>;

impl ApiService {
    pub(crate) fn new(routes: Router, state: AppState, observer: Observer) -> Self {
        Self { routes, state, observer, sensitive: Arc::new([header::AUTHORIZATION]) }
    }

    /// Returns a hyper service for requests with this type of body.
    pub(crate) fn into_service<B>(
        self,
    ) -> impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send> + Clone + Send
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let service = Arc::new(self);
        service_fn(move |request: Request<B>| Arc::clone(&service).answer(request))
    }

    async fn answer<B>(self: Arc<Self>, request: Request<B>) -> Result<Response, Infallible>
    where
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let mut request = request.map(body);
        if !request.body().is_end_stream() {
            DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
        }
        let context = self.observer.begin(&request);
        let span = context.span();
        let answer = ServiceBuilder::new()
            .layer(SetSensitiveRequestHeadersLayer::from_shared(Arc::clone(&self.sensitive)))
            .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING))
            .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, LOAD_NOTHING))
            .layer(CatchPanicLayer::custom(panicked))
            .service_fn(|request| limit_time(&context, self.pass(request, &context)).map(Ok::<_, Infallible>))
            .oneshot(request);
        let Ok(response) = answer.instrument(span.clone()).await;
        let mut response = response.map(Body::new);
        span.in_scope(|| self.observer.end(context, &mut response));
        Ok(response)
    }

    /// Boxed so the future isn't sized for both branches.
    fn pass<'p>(&'p self, request: Request, context: &'p RequestContext<'p>) -> Answer<'p> {
        let routes = self.routes.clone();
        if is_below(request.uri().path(), API) {
            Box::pin(guard(&self.state, routes, request, context))
        } else {
            Box::pin(answer(routes, request))
        }
    }
}

/// Answers a request whose handler panicked. The panic's message, which may contain anything, is only in the log.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::Panicked.into_response()
}

/// Converts a request's body; an empty one needs no box.
fn body<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    if body.is_end_stream() { Body::empty() } else { Body::new(body) }
}

async fn limit_time(context: &RequestContext<'_>, mut answer: Answer<'_>) -> Response {
    // Most answers are ready at the first poll and need no timer.
    if let Poll::Ready(response) = poll!(answer.as_mut()) {
        return response;
    }
    if let Ok(response) = timeout_at(context.after(REQUEST_TIMEOUT), answer.as_mut()).await {
        return response;
    }
    // Set before `answer` is dropped, since the decision record written then names the reason.
    context.time_out();
    ApiError::from(RequestError::Timeout).into_response()
}

/// The service under test.
#[cfg(test)]
pub(crate) trait TestService:
    tower::Service<Request, Response = Response, Error = Infallible> + Clone
{
}

#[cfg(test)]
impl<S: tower::Service<Request, Response = Response, Error = Infallible> + Clone> TestService for S {}

#[cfg(test)]
impl ApiService {
    /// Creates a service with its own metrics, and route names for these paths.
    pub(crate) fn for_test(
        routes: Router<AppState>,
        state: AppState,
        paths: &[&str],
    ) -> impl TestService + use<> {
        let names = paths.iter().map(|path| (*path, *path)).collect();
        let observer = Observer::new(crate::metrics::Metrics::new(), names);
        Self::new(routes.with_state(state.clone()), state, observer).into_test_service()
    }

    /// Returns the service as a tower service, like axum's routers.
    pub(crate) fn into_test_service(self) -> impl TestService {
        let service = Arc::new(self);
        tower::service_fn(move |request: Request| Arc::clone(&service).answer(request))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::routing::{get, post};
    use http::{HeaderMap, StatusCode};
    use tempfile::TempDir;

    use super::*;

    async fn answer(service: &impl TestService, path: &str) -> (StatusCode, String) {
        let request =
            Request::builder().uri(path).header(header::HOST, "localhost").body(Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    async fn service(
        routes: Router<AppState>,
        development: bool,
        paths: &[&str],
    ) -> (TempDir, impl TestService + use<>) {
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path(), development).await;
        (folder, ApiService::for_test(routes, state, paths))
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_and_says_nothing() {
        async fn panics() {
            panic!("canary");
        }
        let (_folder, service) = service(Router::new().route("/", get(panics)), false, &[]).await;
        for _ in 0..2 {
            let (status, body) = answer(&service, "/").await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(body.contains("internal_error") && !body.contains("canary"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_panic_while_a_timed_out_request_is_dropped_costs_one_request() {
        struct Panics;
        impl Drop for Panics {
            fn drop(&mut self) {
                panic!("canary");
            }
        }
        async fn waits() {
            let _panics = Panics;
            std::future::pending::<()>().await;
        }
        let (_folder, service) = service(Router::new().route("/", get(waits)), false, &[]).await;
        tokio::time::pause();
        assert_eq!(answer(&service, "/").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn the_debug_form_of_a_requests_headers_hides_its_credentials() {
        async fn shows(headers: HeaderMap) -> String {
            format!("{headers:?}")
        }
        let (_folder, service) = service(Router::new().route("/", get(shows)), false, &[]).await;
        let request = Request::builder().uri("/").header("x-shown", "shown");
        let request =
            request.header("authorization", "Bearer canary").header("AUTHORIZATION", "Basic canary");
        let response = service.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("shown") && !body.contains("canary"), "{body}");
        assert_eq!(body.matches("Sensitive").count(), 2, "{body}");
    }

    #[tokio::test]
    async fn every_body_has_a_limit() {
        let reads = async |body: axum::body::Bytes| body.len().to_string();
        let (_folder, service) = service(Router::new().route("/", post(reads)), false, &[]).await;
        for (length, status) in [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)] {
            let request = Request::builder().method("POST").uri("/").body(Body::from(vec![b' '; length]));
            assert_eq!(service.clone().oneshot(request.unwrap()).await.unwrap().status(), status);
        }
    }

    #[tokio::test]
    async fn a_route_under_the_api_that_has_no_policy_lets_nothing_out() {
        async fn canary() -> &'static str {
            "canary"
        }
        let nested = Router::new().route("/x", get(canary));
        let routes = Router::new().nest("/api/nested", nested).route("/api/x", get(canary));
        let routes = routes.route("/api", get(canary)).route("/apis", get(canary)).fallback(canary);
        let paths = ["/api", "/api/", "/api/x", "/api/x?y", "/api/nested/x", "/api/unheard-of"];
        // Without a token nothing under `/api` is reached; with one nothing that is in no table, and no answer comes out.
        for (development, table, refused) in [
            (false, &[][..], StatusCode::UNAUTHORIZED),
            (true, &[][..], StatusCode::NOT_FOUND),
            (true, &["/api", "/api/", "/api/{*rest}"][..], StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            let (_folder, service) = service(routes.clone(), development, table).await;
            for path in paths {
                let (status, body) = answer(&service, path).await;
                assert_eq!(status, refused, "{path}");
                assert!(!body.contains("canary"), "{path}: {body}");
            }
            for path in ["/apis", "/", "/API/x"] {
                assert_eq!(answer(&service, path).await, (StatusCode::OK, "canary".to_owned()), "{path}");
            }
        }
    }
}
