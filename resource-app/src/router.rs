//! All routes, and what surrounds them.

use std::any::Any;
use std::iter::once;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderName, HeaderValue};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::routes;

use crate::authorization::{Policies, PolicyError};
use crate::error::{ApiError, RequestError};
use crate::guard::{GuardedRoutes, OpenRoutes, RouteError, RouteTable, guard, guarded};
use crate::observation::{Observer, Passage, observe};
use crate::resources::{self, MAX_BODY_BYTES};
use crate::state::AppState;
use crate::{caller, health, openapi};

/// How long a request may take in all, its body included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Where the guarded routes are.
pub(crate) const API: &str = "/api";

/// The routes under [`API`]; each handler names its policy.
pub(crate) fn api() -> Result<GuardedRoutes, PolicyError> {
    Ok(guarded!(
        GuardedRoutes::new(),
        resources::list,
        resources::create,
        resources::read,
        resources::replace,
        resources::delete,
        caller::show,
    ))
}

/// The routes that anybody may call.
pub(crate) fn open() -> OpenRoutes {
    OpenRoutes::new().add(routes!(health::live)).add(routes!(health::ready)).add_pages(&openapi::PATHS)
}

/// Which of these policies guards what.
pub(crate) fn table(policies: &Policies) -> Result<RouteTable, RouteError> {
    RouteTable::new(API, api()?.table(), open().table(), policies)
}

/// The whole service.
pub(crate) fn router(api: GuardedRoutes, state: AppState, observer: Observer) -> Router {
    let (api, description) = api.into_parts(API);
    let (open, open_description) = open().into_parts();
    let description = openapi::describe(description.merge_from(open_description));
    let router = open
        .merge(openapi::routes(description))
        .merge(guard(API, api, &state))
        .fallback(async || ApiError::from(RequestError::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(RequestError::MethodNotAllowed));
    surround(router, observer).with_state(state)
}

/// The layers, innermost first.
pub(crate) fn surround<S: Clone + Send + Sync + 'static>(router: Router<S>, observer: Observer) -> Router<S> {
    router
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(from_fn(limit_time))
        .layer(SetSensitiveRequestHeadersLayer::new(once(header::AUTHORIZATION)))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(observer, observe))
        .layer(always(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(always(header::REFERRER_POLICY, "no-referrer"))
        .layer(always(header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"))
}

async fn limit_time(request: Request, next: Next) -> Response {
    let passage: Option<Passage> = request.extensions().get().cloned();
    // Whoever leaves a record when this is dropped can say why it was, so that it is dropped last.
    let mut answer = pin!(next.run(request));
    if let Ok(response) = tokio::time::timeout(REQUEST_TIMEOUT, &mut answer).await {
        return response;
    }
    passage.iter().for_each(Passage::time_out);
    ApiError::from(RequestError::Timeout).into_response()
}

/// The panic's own text stays where the panic hook wrote it: it may hold anything.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    ApiError::Panicked.into_response()
}

/// Sets a header where the route did not set it itself.
fn always(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::routing::get;
    use http::StatusCode;
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::Metrics;

    fn observer() -> Observer {
        Observer::new(Metrics::new())
    }

    async fn answer(routes: Router, path: &str) -> (StatusCode, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = routes.oneshot(request).await.unwrap();
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
        let routes = surround(Router::new().route("/", get(panics)), observer());
        for _ in 0..2 {
            let (status, body) = answer(routes.clone(), "/").await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
            assert!(body.contains("internal_error") && !body.contains("canary"), "{body}");
        }
    }

    #[tokio::test]
    async fn a_route_under_the_api_that_was_added_past_the_guard_lets_nothing_out() {
        async fn canary() -> &'static str {
            "canary"
        }
        let routes = Router::new().nest("/api/nested", Router::new().route("/x", get(canary)));
        let routes = routes.route("/api/x", get(canary)).route("/api", get(canary)).fallback(canary);
        let routes = surround(routes.route("/apis", get(canary)), observer());
        for path in ["/api", "/api/", "/api/x", "/api/x?y", "/api/nested/x", "/api/unheard-of"] {
            let (status, body) = answer(routes.clone(), path).await;
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR, "{path}");
            assert!(body.contains("internal_error") && !body.contains("canary"), "{path}: {body}");
        }
        for path in ["/apis", "/", "/API/x"] {
            assert_eq!(answer(routes.clone(), path).await, (StatusCode::OK, "canary".to_owned()), "{path}");
        }
    }
}
