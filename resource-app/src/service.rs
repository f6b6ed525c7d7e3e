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
use entra_guard::Deadline;
use entra_shared::correlation::REQUEST_ID;
use futures_util::{FutureExt, poll};
use http::header::{self, HeaderName, HeaderValue};
#[cfg(test)]
use http_shell::route_names::RouteNames;
use hyper::service::{Service, service_fn};
use tokio::time::timeout_at;
use tower::{ServiceBuilder, ServiceExt};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::Instrument;

use crate::error::{ApiError, RequestError};
use crate::observation::{Observer, RequestContext};
use crate::resources::MAX_BODY_BYTES;

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
    observer: Observer,
    /// Request headers that `Debug` must not show.
    sensitive: Arc<[HeaderName]>,
}

type Answer<'p> = Pin<Box<dyn Future<Output = Response> + Send + 'p>>;

impl ApiService {
    pub(crate) fn new(routes: Router, observer: Observer) -> Self {
        Self { routes, observer, sensitive: Arc::new([header::AUTHORIZATION]) }
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
        request.headers_mut().insert(REQUEST_ID, context.name().header_value());
        request.extensions_mut().insert(Deadline(context.after(REQUEST_TIMEOUT)));
        let forward = |request| Box::pin(answer(self.routes.clone(), request));
        let answer = ServiceBuilder::new()
            .layer(SetSensitiveRequestHeadersLayer::from_shared(Arc::clone(&self.sensitive)))
            .layer(SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, NO_SNIFFING))
            .layer(SetResponseHeaderLayer::if_not_present(header::CONTENT_SECURITY_POLICY, LOAD_NOTHING))
            .layer(CatchPanicLayer::custom(panicked))
            .service_fn(|request| limit_time(&context, forward(request)).map(Ok::<_, Infallible>))
            .oneshot(request);
        let Ok(response) = answer.instrument(span.clone()).await;
        let mut response = response.map(Body::new);
        span.in_scope(|| self.observer.end(context, &mut response));
        Ok(response)
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

/// Calls the router, which is always ready and never fails.
fn answer(mut routes: Router, request: Request) -> impl Future<Output = Response> {
    tower::Service::call(&mut routes, request).map(|Ok(response)| response)
}

async fn limit_time(context: &RequestContext<'_>, mut answer: Answer<'_>) -> Response {
    // Most answers are ready at the first poll and need no timer.
    if let Poll::Ready(response) = poll!(answer.as_mut()) {
        return response;
    }
    if let Ok(response) = timeout_at(context.after(REQUEST_TIMEOUT), answer.as_mut()).await {
        return response;
    }
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
    /// Creates a service of these routes with its own metrics.
    pub(crate) fn for_test(routes: Router) -> impl TestService + use<> {
        Self::new(routes, Observer::new(crate::metrics::Metrics::new(), RouteNames::default()))
            .into_test_service()
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

    #[tokio::test]
    async fn a_panic_costs_one_request_and_says_nothing() {
        async fn panics() {
            panic!("canary");
        }
        let service = ApiService::for_test(Router::new().route("/", get(panics)));
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
        let service = ApiService::for_test(Router::new().route("/", get(waits)));
        tokio::time::pause();
        assert_eq!(answer(&service, "/").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn the_debug_form_of_a_requests_headers_hides_its_credentials() {
        async fn shows(headers: HeaderMap) -> String {
            format!("{headers:?}")
        }
        let service = ApiService::for_test(Router::new().route("/", get(shows)));
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
        let service = ApiService::for_test(Router::new().route("/", post(reads)));
        for (length, status) in [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)] {
            let request = Request::builder().method("POST").uri("/").body(Body::from(vec![b' '; length]));
            assert_eq!(service.clone().oneshot(request.unwrap()).await.unwrap().status(), status);
        }
    }
}
