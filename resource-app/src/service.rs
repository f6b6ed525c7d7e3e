//! The whole service: the routes, and what surrounds every request.
//!
//! Around the router, and no layers of it: what it has no route for is surrounded as well, and a request passes without
//! a copy of its route for each layer.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::{BoxError, Router};
use bytes::Bytes;
use futures_util::FutureExt;
use http::HeaderMap;
use http::header::{self, Entry, HeaderValue};
use tokio::time::timeout_at;
use tracing::Instrument;

use crate::error::{ApiError, RequestError};
use crate::guard::{answer, guard, is_below};
use crate::observation::{Observer, Passage};
use crate::router::API;
use crate::state::AppState;

/// How long a request may take in all, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The routes with all that surrounds them.
#[derive(Debug, Clone)]
pub(crate) struct ApiService {
    routes: Router,
    surroundings: Arc<Surroundings>,
}

#[derive(Debug)]
struct Surroundings {
    state: AppState,
    observer: Observer,
}

type Answer<'p> = Pin<Box<dyn Future<Output = Response> + Send + 'p>>;

impl ApiService {
    pub(crate) fn new(routes: Router, state: AppState, observer: Observer) -> Self {
        Self { routes, surroundings: Arc::new(Surroundings { state, observer }) }
    }
}

impl<B> tower::Service<Request<B>> for ApiService
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { routes, surroundings } = self.clone();
        Box::pin(surroundings.answer(routes, request.map(Body::new)))
    }
}

impl Surroundings {
    async fn answer(self: Arc<Self>, routes: Router, mut request: Request) -> Result<Response, Infallible> {
        hide_credentials(request.headers_mut());
        let passage = self.observer.begin(&request);
        let span = passage.span();
        let mut response = {
            let mut answer = self.pass(routes, request, &passage);
            let in_time = timeout_at(passage.after(REQUEST_TIMEOUT), answer.as_mut());
            match AssertUnwindSafe(in_time).catch_unwind().instrument(span.clone()).await {
                Ok(Ok(response)) => response,
                Ok(Err(_)) => {
                    // Whoever leaves a record when it is dropped can say why it was, so that it is dropped last.
                    passage.time_out();
                    ApiError::from(RequestError::Timeout).into_response()
                }
                // The panic's own text stays where the panic hook wrote it: it may hold anything.
                Err(_) => ApiError::Panicked.into_response(),
            }
        };
        set_headers(response.headers_mut());
        span.in_scope(|| self.observer.end(&passage, &mut response));
        Ok(response)
    }

    /// In boxes of their own, so that neither way makes room for the other.
    fn pass<'p>(&'p self, routes: Router, request: Request, passage: &'p Passage) -> Answer<'p> {
        if is_below(request.uri().path(), API) {
            Box::pin(guard(&self.state, routes, request, passage))
        } else {
            Box::pin(answer(routes, request))
        }
    }
}

/// Says how a browser may use an answer, where that does not say so itself.
fn set_headers(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Keeps them out of whatever shows a request's header.
fn hide_credentials(headers: &mut HeaderMap) {
    if let Entry::Occupied(mut credentials) = headers.entry(header::AUTHORIZATION) {
        credentials.iter_mut().for_each(|credential| credential.set_sensitive(true));
    }
}

#[cfg(test)]
impl ApiService {
    /// With numbers of its own, and no names for the routes.
    pub(crate) fn for_test(routes: Router<AppState>, state: AppState) -> Self {
        let observer =
            Observer::new(crate::metrics::Metrics::new(), crate::observation::RouteNames::default());
        Self::new(routes.with_state(state.clone()), state, observer)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;

    async fn answer(service: &ApiService, path: &str) -> (StatusCode, String) {
        let request =
            Request::builder().uri(path).header(header::HOST, "localhost").body(Body::empty()).unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        let status = response.status();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["referrer-policy"], "no-referrer");
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_panic_costs_one_request_and_says_nothing() {
        async fn panics() {
            panic!("canary");
        }
        let folder = tempfile::tempdir().unwrap();
        let state = AppState::for_test(folder.path(), false).await;
        let service = ApiService::for_test(Router::new().route("/", get(panics)), state);
        for _ in 0..2 {
            let (status, body) = answer(&service, "/").await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(body.contains("internal_error") && !body.contains("canary"), "{body}");
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
        // Without a token nothing under `/api` is reached, and with one its answer stays in here.
        for (development, refused) in
            [(false, StatusCode::UNAUTHORIZED), (true, StatusCode::INTERNAL_SERVER_ERROR)]
        {
            let folder = tempfile::tempdir().unwrap();
            let state = AppState::for_test(folder.path(), development).await;
            let service = ApiService::for_test(routes.clone(), state);
            for path in ["/api", "/api/", "/api/x", "/api/x?y", "/api/nested/x", "/api/unheard-of"] {
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
