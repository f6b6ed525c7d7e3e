//! A flood of made-up key ids, and a key that Entra did not announce.

use std::time::Duration;

use axum::Router;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_stand_in::{Endpoint, Fault};
use http::{Method, StatusCode, header};

use crate::routes::list;
use crate::stage::{Stage, send, status, text};

/// A token whose header names a key that was never published.
fn with_made_up_key(token: &str, number: usize) -> String {
    let (_, rest) = token.split_once('.').unwrap();
    let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"made-up-{number}"}}"#);
    format!("{}.{rest}", BASE64_URL_SAFE_NO_PAD.encode(header))
}

#[tokio::test]
async fn after_a_flood_an_unannounced_key_is_accepted_within_30_seconds_and_no_answer_is_a_5xx() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let router = guard.protect("/api", guard.routes().get("/orders", list), Router::new()).unwrap();
    let token = stage.token().await;
    let flood = async |numbers: std::ops::Range<usize>| {
        for number in numbers {
            let answer = send(&router, Method::GET, "/api/orders", &with_made_up_key(&token, number)).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{number}");
            assert!(text(answer).await.contains("key_unknown"), "{number}");
        }
    };
    // A running blocking task keeps the paused clock from jumping while the test waits for the network.
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let holds_the_clock = tokio::task::spawn_blocking(move || stopped.recv());
    tokio::time::pause();
    let fetched = guard.status().keys.fetched;
    flood(0..500).await;
    assert_eq!(guard.status().keys.fetched, fetched + 2);

    stage.tenant.keys().roll().unwrap();
    let new = stage.token().await;
    assert_eq!(status(&router, "/api/orders", &new).await, StatusCode::UNAUTHORIZED);
    tokio::time::advance(Duration::from_secs(29)).await;
    flood(500..600).await;
    tokio::time::advance(Duration::from_secs(1)).await;
    // The flood goes on and takes the only fetch, which brings the new key as well.
    let fetched = guard.status().keys.fetched;
    let answer = send(&router, Method::GET, "/api/orders", &with_made_up_key(&token, 600)).await;
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(guard.status().keys.fetched, fetched + 1);
    assert_eq!(status(&router, "/api/orders", &new).await, StatusCode::OK);
    drop(stop);
    assert!(holds_the_clock.await.unwrap().is_err());
}

#[tokio::test]
async fn an_unknown_key_is_a_503_only_without_usable_keys_or_after_a_failed_fetch() {
    let stage = Stage::new().await;
    let down = Fault::status(StatusCode::SERVICE_UNAVAILABLE.as_u16());
    let script = |faults: usize| std::iter::repeat_n(down.clone(), faults).collect::<Vec<_>>();
    stage.tenant.faults().on(Endpoint::DiscoveryV2, script(1));
    let guard = stage.builder().start().unwrap();
    let router = guard.protect("/api", guard.routes().get("/orders", list), Router::new()).unwrap();
    let token = stage.token().await;
    let answer = send(&router, Method::GET, "/api/orders", &token).await;
    // The first fetch has failed: there are no keys. A later one succeeds by itself.
    assert!(
        answer.status() == StatusCode::SERVICE_UNAVAILABLE && text(answer).await.contains("keys_unavailable")
    );
    guard.ready().await;
    assert_eq!(status(&router, "/api/orders", &token).await, StatusCode::OK);
    let made_up = send(&router, Method::GET, "/api/orders", &with_made_up_key(&token, 1)).await;
    assert_eq!(made_up.status(), StatusCode::UNAUTHORIZED);
    // The fetch for an unknown key fails: whether the key exists is not known.
    stage.tenant.faults().on(Endpoint::DiscoveryV2, script(2));
    let unknown = send(&router, Method::GET, "/api/orders", &with_made_up_key(&token, 2)).await;
    assert_eq!(unknown.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(unknown.headers().contains_key(header::RETRY_AFTER));
    // Known keys are not affected.
    assert_eq!(status(&router, "/api/orders", &token).await, StatusCode::OK);
}
