//! A revoked role or a disabled app affects the next token, but not tokens that were issued before.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::secret::AccessToken;
use entra_stand_in::{Application, Client, Tenant};
use serde_json::Value;
use tests::World;
use tests::guarded_api::{GuardedApi, Place, outcome};
use tests::world::now;

/// The tokens' lifetime here: the shortest that a policy can set.
const LIFETIME: Duration = Duration::from_mins(10);

/// An API without clock skew in its own tenant, with a client that may read it.
///
/// The tenant's clock is so far behind that its tokens have expired when they are issued.
async fn guarded() -> (World, Tenant, GuardedApi, Application, Client) {
    let world = World::start().await;
    let tenant = world.system.authority().tenant().await.unwrap();
    tenant.clock().rewind(LIFETIME);
    let api = tenant.application("resource").unwrap().role("Resource.Read").unwrap();
    let api = api.token_lifetime(LIFETIME).unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Resource.Read").unwrap();
    let place = Place::new(&world, "")
        .with("AZURE_AD__TENANT_ID", &tenant.id().to_string())
        .with("AZURE_AD__CLIENT_ID", &api.client_id().to_string())
        .with("AZURE_AD__CLOCK_SKEW_SECONDS", "0");
    (world, tenant, place.start().await, api, client)
}

/// A token's claim `exp`.
fn expiry(token: &AccessToken) -> i64 {
    let authorization = token.authorization();
    let payload = authorization.to_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims["exp"].as_i64().unwrap()
}

async fn read(api: &GuardedApi, token: &AccessToken) -> (u16, String) {
    outcome(api.read(token).await).await
}

#[tokio::test]
async fn a_revoked_role_counts_until_the_token_expires_and_no_longer() {
    let (_world, tenant, resource, api, client) = guarded().await;
    tenant.clock().advance(Duration::from_secs(5));
    let before = client.token(&api).await.unwrap();
    assert_eq!(read(&resource, &before).await.0, 200);
    tenant.clock().reset();
    client.revoke(&api, "Resource.Read").unwrap();
    let after = client.token(&api).await.unwrap();
    assert_eq!(read(&resource, &after).await.0, 403);
    assert_eq!(read(&resource, &before).await.0, 200);
    let expiry = expiry(&before);
    loop {
        let asked = now();
        let answer = read(&resource, &before).await;
        if answer.0 == 200 {
            assert!(asked < expiry, "it counts at {asked} still, and expired at {expiry}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        } else {
            assert_eq!(answer, (401, "token_expired".into()));
            assert!(now() >= expiry, "it counts no more at {asked}, and expires at {expiry}");
            return;
        }
    }
}

#[tokio::test]
async fn a_disabled_app_keeps_the_tokens_that_it_has() {
    let (_world, tenant, resource, api, client) = guarded().await;
    tenant.clock().reset();
    let before = client.token(&api).await.unwrap();
    client.set_enabled(false).unwrap();
    assert!(client.token(&api).await.unwrap_err().to_string().contains("AADSTS7000112"));
    assert_eq!(read(&resource, &before).await.0, 200);
}
