//! Key rollover while the services run.

use reqwest::{Method, StatusCode, header};
use serde_json::json;
use tests::World;

#[tokio::test]
async fn tokens_of_the_new_and_of_the_old_key_are_accepted_after_a_rollover() {
    let world = World::start().await;
    let old = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
    world.roll_keys().await;
    let new = world.token(json!({})).await;
    assert_eq!(world.get("/api/resources", &new).await.status(), StatusCode::OK);
    assert_eq!(world.get("/api/resources", &old).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn many_requests_with_a_new_key_at_once_are_all_let_in() {
    let world = World::start().await;
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
    let world = World::start().await;
    let good = world.token(json!({})).await;
    let parts: Vec<&str> = good.expose().split('.').collect();
    for number in 0..50 {
        // Header members in Entra's order, with a key id that nobody has.
        let header = format!(r#"{{"typ":"JWT","alg":"RS256","kid":"unknown-{number}"}}"#);
        let forged = format!("Bearer {}.{}.{}", tests::world::base64url(&header), parts[1], parts[2]);
        let request = world.request(Method::GET, "/api/resources").header(header::AUTHORIZATION, forged);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
    assert_eq!(world.get("/api/resources", &good).await.status(), StatusCode::OK);
    // The first fetch, and those that unknown keys may cause at once.
    world.system.authority().first_tenant().journal().expect_key_set_fetches(1..=3);
}
