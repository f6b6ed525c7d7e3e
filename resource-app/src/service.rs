//! The whole service, which is the router and what applies to every request.
//!
//! It wraps the finished router instead of adding layers to it, because `Router::layer` clones the route of each
//! request once for each layer.

use std::any::Any;
use std::convert::Infallible;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::{DefaultBodyLimit, Request};
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use entra_guard::Deadline;
use futures_util::poll;
use http::header::{AUTHORIZATION, CONTENT_SECURITY_POLICY, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use tokio::time::{Instant, timeout_at};
use tower::{Service, ServiceBuilder};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::{ApiError, RequestError};
use crate::observation::Observer;
use crate::resources::MAX_BODY_BYTES;

/// Time limit for a request, including its body.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Keeps browsers from guessing the type of an answer.
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");

/// Keeps browsers from loading anything for an answer; a page sets its own policy.
const LOAD_NOTHING: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Returns the service of these routes for requests with any type of body.
pub(crate) fn service<B>(
    routes: Router,
    observer: Observer,
) -> impl Service<Request<B>, Response = Response, Error = Infallible, Future: Send> + Clone + Send + 'static
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let layered = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .layer(SetResponseHeaderLayer::overriding(X_CONTENT_TYPE_OPTIONS, NO_SNIFFING))
        .layer(SetResponseHeaderLayer::if_not_present(CONTENT_SECURITY_POLICY, LOAD_NOTHING))
        .layer(CatchPanicLayer::custom(panicked))
        .service_fn(move |request| limit_time(routes.clone(), request));
    tower::service_fn(move |request: Request<B>| {
        let (observer, layered) = (observer.clone(), layered.clone());
        async move { Ok(observer.observe(layered, request.map(body)).await) }
    })
}

/// Answers a request whose handler panicked. The message of the panic is only in the log, since it may contain anything.
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

/// Answers within [`REQUEST_TIMEOUT`], with a limit for the body.
async fn limit_time(mut routes: Router, mut request: Request) -> Result<Response, Infallible> {
    let end = Instant::now() + REQUEST_TIMEOUT;
    request.extensions_mut().insert(Deadline(end));
    if !request.body().is_end_stream() {
        DefaultBodyLimit::max(MAX_BODY_BYTES).apply(&mut request);
    }
    // A router is always ready.
    let mut answer = pin!(routes.call(request));
    // Most answers are ready at the first poll and need no timer.
    if let Poll::Ready(response) = poll!(answer.as_mut()) {
        return response;
    }
    let timed_out = |_| Ok(ApiError::from(RequestError::Timeout).into_response());
    timeout_at(end, answer).await.unwrap_or_else(timed_out)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::routing::{get, post};
    use http::{HeaderMap, StatusCode};

    use http::header;
    use http_shell::route_names::RouteNames;
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::Metrics;

    fn for_test(
        routes: Router,
    ) -> impl Service<Request, Response = Response, Error = Infallible> + Clone + use<> {
        service(routes, Observer::new(Metrics::new(), RouteNames::default()))
    }

    async fn answer(
        service: &(impl Service<Request, Response = Response, Error = Infallible> + Clone),
        path: &str,
    ) -> (StatusCode, String) {
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
        let service = for_test(Router::new().route("/", get(panics)));
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
        let service = for_test(Router::new().route("/", get(waits)));
        tokio::time::pause();
        assert_eq!(answer(&service, "/").await.0, StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[tokio::test]
    async fn the_debug_form_of_a_requests_headers_hides_its_credentials() {
        async fn shows(headers: HeaderMap) -> String {
            format!("{headers:?}")
        }
        let service = for_test(Router::new().route("/", get(shows)));
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
        let service = for_test(Router::new().route("/", post(reads)));
        for (length, status) in [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)] {
            let request = Request::builder().method("POST").uri("/").body(Body::from(vec![b' '; length]));
            assert_eq!(service.clone().oneshot(request.unwrap()).await.unwrap().status(), status);
        }
    }
}
