//! Key rollover while the services run.

#[cfg(unix)]
use std::time::Duration;

use demo::system::Options;
#[cfg(unix)]
use entra_stand_in::{Endpoint, Fault};
use reqwest::{Method, StatusCode, header};
use serde_json::json;
use tests::World;
#[cfg(unix)]
use tests::guarded_api::Place;

/// A system whose resource-app has these variables, and waits for keys long enough on a machine under load.
async fn world(variables: &[(&str, &str)]) -> World {
    let wait = ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "10000");
    let variables = variables.iter().chain([&wait]);
    let resource_variables =
        variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    World::start_with(Options { resource_variables, ..Options::default() }).await
}

#[tokio::test]
async fn tokens_of_the_new_and_of_the_old_key_are_accepted_after_a_rollover() {
    let world = world(&[]).await;
    let old = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
    world.roll_keys().await;
    let new = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK);
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_announced_key_needs_no_further_fetch_for_its_first_token() {
    let world = world(&[]).await;
    let tenant = world.system.authority().first_tenant();
    let old = tenant.keys().signing();
    tenant.journal().clear();
    let announced = tenant.keys().announce().unwrap();
    assert_eq!(world.get("/api/resources", &world.token(json!({})).await).await.status(), StatusCode::OK);
    tenant.journal().expect_key_set_fetches(0);
    tenant.keys().promote(&announced).unwrap();
    for _ in 0..3 {
        let new = world.token(json!({})).await;
        assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK);
    }
    tenant.journal().expect_key_set_fetches(1);
    tenant.keys().retire(&old).unwrap();
    tenant.keys().remove(&old).unwrap();
    let new = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK);
    tenant.journal().expect_key_set_fetches(1);
}

#[tokio::test]
async fn when_all_keys_are_replaced_at_once_the_first_new_token_is_accepted_after_one_fetch() {
    let world = world(&[]).await;
    let tenant = world.system.authority().first_tenant();
    let old = world.token(json!({})).await;
    tenant.journal().clear();
    // As often as unknown keys may cause fetches in a row.
    for round in 1..=2 {
        tenant.keys().emergency().unwrap();
        let new = world.token(json!({})).await;
        assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK, "{round}");
        tenant.journal().expect_key_set_fetches(round);
    }
    // For the grace period of a removed key.
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn without_a_grace_period_a_removed_key_expires_with_the_fetch_that_lacks_it() {
    let world = world(&[("KEYS__REMOVED_KEY_GRACE_SECONDS", "0")]).await;
    let old = world.token(json!({})).await;
    world.system.authority().first_tenant().keys().emergency().unwrap();
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
    let new = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK);
    let refused = world.get("/api/resources", &old).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn many_requests_with_a_new_key_at_once_are_all_let_in() {
    let world = world(&[]).await;
    world.roll_keys().await;
    let new = world.token(json!({})).await;
    let mut requests = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let request = world.request(Method::GET, "/api/resources");
        requests.spawn(request.header(header::AUTHORIZATION, new.authorization()).send());
    }
    while let Some(response) = requests.join_next().await {
        assert_eq!(response.unwrap().unwrap().status(), StatusCode::OK);
    }
    world.system.authority().first_tenant().journal().expect_key_set_fetches(1..=2);
}

#[tokio::test]
async fn a_flood_of_unknown_keys_leaves_known_ones_alone() {
    let world = world(&[]).await;
    let good = world.token(json!({})).await;
    let parts: Vec<&str> = good.expose().split('.').collect();
    for number in 0..50 {
        // Header members in Entra's order, with a key id that does not exist.
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"unknown-{number}"}}"#);
        let forged = format!("Bearer {}.{}.{}", tests::world::base64url(&header), parts[1], parts[2]);
        let request = world.request(Method::GET, "/api/resources").header(header::AUTHORIZATION, forged);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.get("/api/resources", &good).await.status(), StatusCode::OK);
    // The first fetch, those that unknown keys may cause in a row, and one more on a slow machine.
    world.system.authority().first_tenant().journal().expect_key_set_fetches(1..=4);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_and_a_failed_fetch_are_logged_once_each() {
    let world = World::start().await;
    let server = Place::new(&world, "").with("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "10000").serve().await;
    let tenant = world.system.authority().first_tenant();
    let accept_a_new_key = async || {
        tenant.keys().emergency().unwrap();
        let token = world.token(json!({})).await;
        let get = || {
            let request = tests::program::direct().get(format!("{}/api/resources", server.url()));
            request.header(header::AUTHORIZATION, token.authorization()).send()
        };
        // After a failed fetch, the next one comes a quarter of a second later.
        let answered = async {
            while get().await.unwrap().status() == StatusCode::SERVICE_UNAVAILABLE {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), answered).await.expect("the new key is accepted");
        assert_eq!(get().await.unwrap().status(), StatusCode::OK);
    };
    accept_a_new_key().await;
    tenant.faults().on(Endpoint::Keys, [Fault::status(500)]);
    accept_a_new_key().await;
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    let warnings =
        |text: &str| log.lines().filter(|line| line.contains("\"WARN\"") && line.contains(text)).count();
    assert_eq!(warnings("keys are no longer published"), 2, "{log}");
    assert_eq!(warnings("could not fetch the signing keys"), 1, "{log}");
    assert_eq!(warnings("status 500"), 1, "{log}");
}
