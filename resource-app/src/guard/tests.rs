use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http::{StatusCode, header};
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::metrics::Metrics;
use crate::observation::Observer;
use crate::router::api;
use crate::service::{ApiService, TestService};
use crate::test_log::TestLog;
use entra_guard::authorization::{
    DefaultPolicy, Handler, NamedPolicy, Outcome, PolicyError, Requirement, Role, Subject, Target,
};

/// Asks every guarded route, and returns what they all answer.
async fn statuses(service: impl TestService) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    for route in api().unwrap().table() {
        let path = route.path.replace("{id}", "0191c7d0-6f5e-7c3a-9f9b-1c2d3e4f5a6b");
        let request = Request::builder().method(&route.method).uri(path).body(Body::empty()).unwrap();
        statuses.push(service.clone().oneshot(request).await.unwrap().status());
    }
    statuses
}

#[tokio::test]
async fn routes_whose_guard_was_forgotten_refuse_every_request() {
    let folder = tempfile::tempdir().unwrap();
    let state = AppState::for_test(folder.path(), false).await;
    let paths: Vec<String> = api().unwrap().table().iter().map(|route| route.path.clone()).collect();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let (routes, _) = api().unwrap().into_parts();
    let statuses_without = statuses(routes.clone().with_state(state.clone())).await;
    assert_eq!(statuses_without, [StatusCode::INTERNAL_SERVER_ERROR; 6]);
    let statuses_with = statuses(ApiService::for_test(routes, state, &paths)).await;
    assert_eq!(statuses_with, [StatusCode::UNAUTHORIZED; 6]);
}

/// Handlers that never answer, behind the guard of an app in development and all that surrounds it.
async fn unanswering(folder: &std::path::Path) -> impl TestService + use<> {
    let state = AppState::for_test(folder, true).await;
    let waits = async |_: Authorized<DefaultPolicy>| pending::<()>().await;
    let panics = async |_: Authorized<DefaultPolicy>| -> () { panic!("canary") };
    let routes = Router::new().route("/api/waits", get(waits)).route("/api/panics", get(panics));
    ApiService::for_test(routes, state, &["/api/waits", "/api/panics"])
}

fn request(path: &str) -> Request {
    Request::builder().uri(path).header(header::HOST, "localhost").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn a_record_says_why_nothing_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let routes = unanswering(folder.path()).await;
    let (log, _guard) = TestLog::start();
    tokio::time::pause();
    let late = routes.clone().oneshot(request("/api/waits")).await.unwrap();
    assert_eq!(late.status(), StatusCode::REQUEST_TIMEOUT);
    let broken = routes.clone().oneshot(request("/api/panics")).await.unwrap();
    assert_eq!(broken.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let gone = routes.oneshot(request("/api/waits"));
    assert!(tokio::time::timeout(Duration::from_secs(1), gone).await.is_err());
    let codes: Vec<Value> = log.named("decision").into_iter().map(|record| record["code"].clone()).collect();
    assert_eq!(codes, ["timed_out", "panicked", "abandoned"]);
}

/// Denies everybody: the development handler meets what it asks for, and is outweighed by the veto.
#[derive(Debug)]
struct TriedPolicy;

impl NamedPolicy for TriedPolicy {
    const NAME: &'static str = "TriedPolicy";

    fn requirements() -> Vec<Requirement> {
        vec![Requirement::new("Tried", "not_tried", Never), Requirement::role(Role::ResourceWrite)]
    }
}

#[derive(Debug)]
struct Never;

impl Handler for Never {
    fn handle(&self, _: &Subject<'_>, _: Option<&Target>) -> Outcome {
        Outcome::Veto
    }
}

#[utoipa::path(get, path = "/api/tried")]
async fn tried(authorized: AuthorizedTrying<DefaultPolicy, TriedPolicy>) -> String {
    authorized.principal().client_id().to_string()
}

#[tokio::test]
async fn a_policy_that_is_tried_is_reported_beside_the_one_that_is_enforced_and_denies_nothing() {
    let routes = guarded_routes().unwrap();
    let row = &routes.table()[0];
    assert_eq!((row.policy, row.tried_policy), ("DefaultPolicy", Some("TriedPolicy")));
    // What is only tried asks for no role in the API's description.
    assert_eq!(row.roles, []);
    let folder = tempfile::tempdir().unwrap();
    let state = AppState::for_test_with(routes.policies(), folder.path(), true).await;
    let (unguarded, _) = routes.into_parts();
    let served = ApiService::for_test(unguarded.clone(), state.clone(), &["/api/tried"]);
    let (log, _guard) = TestLog::start();
    let answer = served.oneshot(request("/api/tried")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let record = &log.named("decision")[0];
    assert_eq!((&record["reason"], &record["policy"]), (&"granted".into(), &"DefaultPolicy".into()));
    assert_eq!(record["would_deny"], "TriedPolicy:vetoed");
    // Nor does it let pass whom the other refuses, or anybody where the guard was forgotten.
    let folder = tempfile::tempdir().unwrap();
    let production =
        AppState::for_test_with(guarded_routes().unwrap().policies(), folder.path(), false).await;
    let served = ApiService::for_test(unguarded.clone(), production, &["/api/tried"]);
    let answer = served.oneshot(request("/api/tried")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let answer = unguarded.with_state(state).oneshot(request("/api/tried")).await.unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
}

fn guarded_routes() -> Result<GuardedRoutes, PolicyError> {
    Ok(guarded!(GuardedRoutes::new(), tried))
}

#[tokio::test]
async fn without_a_policys_yes_a_handler_gets_no_word_out() {
    async fn goes_on(_: Result<Authorized<TriedPolicy>, Response>) -> &'static str {
        "canary"
    }
    async fn has_none() -> RequestError {
        RequestError::PreconditionFailed
    }
    let folder = tempfile::tempdir().unwrap();
    let routes = guarded_routes().unwrap();
    let state = AppState::for_test_with(routes.policies(), folder.path(), true).await;
    let routes = Router::new().route("/api/goes-on", get(goes_on)).route("/api/has-none", get(has_none));
    let service = ApiService::for_test(routes, state, &["/api/goes-on", "/api/has-none"]);
    for path in ["/api/goes-on", "/api/has-none"] {
        let answer = service.clone().oneshot(request(path)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
    }
}

#[tokio::test]
async fn what_has_no_route_or_no_such_method_is_told_to_whoever_is_known_and_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let state = AppState::for_test(folder.path(), true).await;
    let service = ApiService::for_test(Router::new(), state.clone(), &[]);
    let routes = crate::router::router(api().unwrap(), state.clone());
    let names = [("/api/resources", "/api/resources")].into_iter().collect();
    let known = ApiService::new(routes, state, Observer::new(Metrics::new(), names)).into_test_service();
    let (log, _guard) = TestLog::start();
    let nowhere = service.oneshot(request("/api/nowhere")).await.unwrap();
    assert_eq!(nowhere.status(), StatusCode::NOT_FOUND);
    let mut patch = request("/api/resources");
    *patch.method_mut() = http::Method::PATCH;
    assert_eq!(known.oneshot(patch).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
    let reasons: Vec<Value> = log.named("decision").into_iter().map(|it| it["reason"].clone()).collect();
    assert_eq!(reasons, ["route_not_found", "method_not_allowed"]);
}
