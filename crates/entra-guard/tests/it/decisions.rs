//! The decision log: one record for each request to a guarded route.

use std::future::pending;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use entra_guard::{Authorized, Deadline, Policy, Requirement, Requirements};
use entra_stand_in::MintRequest;
use http::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::log::Log;
use crate::routes::{ReadPolicy, list, try_new};
use crate::stage::{Stage, send, status};

async fn waits(_: Authorized<ReadPolicy>) {
    pending::<()>().await;
}

async fn panics(_: Authorized<ReadPolicy>) {
    panic!("canary");
}

/// The members of a record with these names.
fn members(record: &Value, names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| record[*name].clone()).collect()
}

#[tokio::test]
async fn a_tried_policy_is_reported_in_the_record_of_the_enforced_one() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = guard.protect("/api", guard.routes().get("/tried", try_new), Router::new()).unwrap();
    let token = stage.token().await;
    let (log, _guard) = Log::start();
    assert_eq!(status(&router, "/api/tried", &token).await, StatusCode::OK);
    let [record] = &log.decisions()[..] else { panic!("one record") };
    let found = members(record, &["level", "reason", "policy", "would_deny", "status"]);
    assert_eq!(
        found,
        [json!("INFO"), json!("granted"), json!("ReadPolicy"), json!("NewPolicy:not_yet"), json!(200)]
    );
    // A token without the enforced policy's role is denied, and the tried policy is not evaluated.
    let stranger = stage.tenant.client("stranger").unwrap().token(&stage.api).await.unwrap();
    assert_eq!(status(&router, "/api/tried", stranger.expose()).await, StatusCode::FORBIDDEN);
    let found = members(&log.decisions()[1], &["reason", "policy", "would_deny"]);
    assert_eq!(found, [json!("role_missing"), json!("ReadPolicy"), Value::Null]);
}

#[tokio::test]
async fn a_path_without_a_route_or_method_is_recorded_with_its_caller() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = guard.protect("/api", guard.routes().get("/orders", list), Router::new()).unwrap();
    let token = stage.token().await;
    let (log, _guard) = Log::start();
    send(&router, Method::GET, "/api/nowhere", &token).await;
    send(&router, Method::PATCH, "/api/orders", &token).await;
    send(&router, Method::GET, "/api/nowhere", "").await;
    let client = json!(stage.client.client_id().to_string());
    let names = ["reason", "status", "route", "client_id", "policy"];
    let found: Vec<_> = log.decisions().iter().map(|record| members(record, &names)).collect();
    let unmatched = json!("unmatched");
    let expected = [
        [json!("route_not_found"), json!(404), unmatched.clone(), client.clone(), Value::Null],
        [json!("method_not_allowed"), json!(405), json!("/api/orders"), client, Value::Null],
        [json!("token_missing"), json!(401), unmatched, Value::Null, Value::Null],
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_record_tells_why_a_request_was_not_answered() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/waits", waits).get("/panics", panics);
    let router = guard.protect("/api", api, Router::new()).unwrap();
    let token = stage.token().await;
    let request = |path: &str| {
        let request = Request::builder().uri(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        request.body(Body::empty()).unwrap()
    };
    let mut late = request("/api/waits");
    late.extensions_mut().insert(Deadline(Instant::now()));
    let (log, _guard) = Log::start();
    let limit = Duration::from_millis(50);
    for request in [late, request("/api/waits")] {
        assert!(tokio::time::timeout(limit, router.clone().oneshot(request)).await.is_err());
    }
    let broken = tokio::spawn(router.oneshot(request("/api/panics")));
    assert!(broken.await.unwrap_err().is_panic());
    let names = ["reason", "code", "status"];
    let found: Vec<_> = log.decisions().iter().map(|record| members(record, &names)).collect();
    let expected = ["timed_out", "abandoned", "panicked"];
    assert_eq!(found, expected.map(|code| [json!("granted"), json!(code), Value::Null]));
}

struct PeoplesPolicy;

impl Policy for PeoplesPolicy {
    const NAME: &'static str = "PeoplesPolicy";
    fn requirements() -> Requirements {
        Requirements::app().and(Requirement::no_agents())
    }
}

#[tokio::test]
async fn an_agent_is_told_in_the_record_and_refused_where_none_may_pass() {
    const BLUEPRINT: &str = "30cf4c22-9985-4ef7-8756-91cc888176bd";
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/orders", list).get("/letters", async |_: Authorized<PeoplesPolicy>| "");
    let router = guard.protect("/api", api, Router::new()).unwrap();
    let claims = json!({
        "idtyp": "app", "sub": "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41", "scp": "/",
        "xms_par_app_azp": BLUEPRINT, "xms_act_fct": "3 9 11",
    });
    let mut request = MintRequest::new(stage.client.client_id(), stage.api.client_id().to_string());
    for (name, value) in claims.as_object().unwrap() {
        request = request.claim(name, value.clone());
    }
    let token = stage.tenant.mint(&request).unwrap().expose().to_owned();
    let (log, _guard) = Log::start();
    assert_eq!(status(&router, "/api/orders", &token).await, StatusCode::OK);
    assert_eq!(status(&router, "/api/letters", &token).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&router, "/api/letters", &stage.token().await).await, StatusCode::OK);
    let names = ["reason", "agent", "agent_blueprint"];
    let found: Vec<_> = log.decisions().iter().map(|record| members(record, &names)).collect();
    let expected = [
        [json!("granted"), json!(true), json!(BLUEPRINT)],
        [json!("agent_not_allowed"), json!(true), json!(BLUEPRINT)],
        [json!("granted"), Value::Null, Value::Null],
    ];
    assert_eq!(found, expected);
}
