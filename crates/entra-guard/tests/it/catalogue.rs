//! The stand-in's catalogue of tokens against a fresh service.

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use entra_guard::{Guard, Tenancy, Version};
use http::{HeaderValue, Method, StatusCode, header};
use tower::ServiceExt;

use crate::routes::list;
use crate::stage::{Stage, send, status, text};

fn service(guard: &Guard) -> Router {
    let api = guard.routes().get("/orders", list).with_state(());
    guard.protect("/api", api, Router::new()).unwrap()
}

async fn send_as_it_is(router: &Router, authorization: HeaderValue) -> StatusCode {
    let request = Request::builder().uri("/api/orders").header(header::AUTHORIZATION, authorization);
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn a_fresh_service_accepts_no_bad_token_and_every_odd_one_that_is_valid() {
    for (version, least) in [(Version::V1, 570), (Version::V2, 574)] {
        let stage = Stage::new().await;
        let guard = stage.builder().accepted_versions([Version::V1, Version::V2]).start().unwrap();
        guard.ready().await;
        let router = service(&guard);
        let api = stage.api.clone().token_version(version).unwrap();
        let (tenant, client) = (stage.tenant.clone(), stage.client.clone());
        let list =
            move || (tenant.bad_tokens(&client, &api).unwrap(), tenant.good_tokens(&client, &api).unwrap());
        let (bad, good) = tokio::task::spawn_blocking(list).await.unwrap();
        assert!(bad.len() >= least, "{} bad tokens", bad.len());
        assert!(good.len() >= 27, "{} good tokens", good.len());
        let case = "claims/audience-upper-case";
        assert_eq!(good.iter().any(|token| token.name() == case), version == Version::V1);
        let mut wrong = Vec::new();
        for token in &bad {
            let status = send_as_it_is(&router, token.authorization()).await;
            // A 503 is wrong too: no made-up key id makes the guard lose its keys.
            if !token.expected().allows(status.as_u16()) {
                wrong.push((token.name(), status));
            }
        }
        for token in &good {
            let status = send_as_it_is(&router, token.authorization()).await;
            if status != StatusCode::OK {
                wrong.push((token.name(), status));
            }
        }
        assert_eq!(wrong, []);
    }
}

#[tokio::test]
async fn a_custom_signing_key_is_found_only_if_it_is_asked_for() {
    let stage = Stage::new().await;
    stage.api.custom_signing_key().unwrap();
    let usual = stage.guard().await;
    let answer = send(&service(&usual), Method::GET, "/api/orders", &stage.token().await).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert!(text(answer).await.contains("key_unknown"));

    let tenancy = Tenancy::single(stage.authority.instance(), stage.tenant.id());
    let tenancy = tenancy.with_custom_signing_key(stage.api.client_id());
    let builder = Guard::builder(tenancy, stage.api.client_id()).ca_file(stage.ca_file());
    let custom = builder.start().unwrap();
    custom.ready().await;
    let token = stage.token().await;
    assert_eq!(status(&service(&custom), "/api/orders", &token).await, StatusCode::OK);
}

#[tokio::test]
async fn keys_that_are_rolled_over_in_an_emergency_are_accepted_at_once() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = service(&guard);
    assert_eq!(status(&router, "/api/orders", &stage.token().await).await, StatusCode::OK);
    stage.tenant.keys().roll().unwrap();
    assert_eq!(status(&router, "/api/orders", &stage.token().await).await, StatusCode::OK);
}
