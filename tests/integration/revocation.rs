//! What an administrator takes back: gone from the next token, and still in those that were issued.

use authority_app::{Application, Client};
use shared::secret::AccessToken;
use tests::World;
use tests::guarded_api::{GuardedApi, Place, outcome};

/// An API in a tenant of the test's own, with a client that may read it.
async fn guarded() -> (World, GuardedApi, Application, Client) {
    let world = World::start().await;
    let tenant = world.system.authority().tenant().await.unwrap();
    let api = tenant.application("resource").unwrap().role("Resource.Read").unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Resource.Read").unwrap();
    let place = Place::new(&world, "")
        .with("AZURE_AD__TENANT_ID", &tenant.id().to_string())
        .with("AZURE_AD__CLIENT_ID", &api.client_id().to_string());
    (world, place.start().await, api, client)
}

async fn read(api: &GuardedApi, token: &AccessToken) -> (u16, String) {
    outcome(api.read(token).await).await
}

#[tokio::test]
async fn a_role_that_was_taken_back_counts_until_the_token_expires_and_no_longer() {
    let (_world, resource, api, client) = guarded().await;
    let before = client.token(&api).await.unwrap();
    assert_eq!(read(&resource, &before).await.0, 200);
    client.revoke(&api, "Resource.Read").unwrap();
    let after = client.token(&api).await.unwrap();
    assert_eq!(read(&resource, &after).await.0, 403);
    assert_eq!(read(&resource, &before).await.0, 200);
}

#[tokio::test]
async fn an_app_that_was_switched_off_keeps_the_tokens_that_it_has() {
    let (_world, resource, api, client) = guarded().await;
    let before = client.token(&api).await.unwrap();
    client.set_enabled(false).unwrap();
    assert!(client.token(&api).await.unwrap_err().to_string().contains("AADSTS7000112"));
    assert_eq!(read(&resource, &before).await.0, 200);
}
