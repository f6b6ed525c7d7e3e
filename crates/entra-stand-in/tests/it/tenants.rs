//! Tenants that tests make: each has its own ids, keys and clock.

use std::collections::HashSet;
use std::time::Duration;

use entra_shared::azure_ad::Version;
use entra_shared::secret::AccessToken;
use entra_stand_in::{Application, Client, Tenant, TokenError};

use crate::world::{TENANT, World, part};

/// A tenant with an API that has one role, and a client that was granted it.
pub(crate) async fn fresh(world: &World) -> (Tenant, Application, Client) {
    let tenant = world.authority.tenant().await.unwrap();
    let api = tenant.application("orders").unwrap().role("Orders.Read").unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Orders.Read").unwrap();
    (tenant, api, client)
}

async fn kids(world: &World, path: &str) -> HashSet<String> {
    let keys = world.get(path).await.json().get("keys").clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &AccessToken) -> String {
    part(token.expose(), 0).text("kid").to_owned()
}

#[tokio::test]
async fn a_fresh_tenant_issues_tokens_of_its_own() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let token = client.token(&api).await.unwrap();
    let claims = part(token.expose(), 1);
    assert_eq!(claims.text("iss"), tenant.authority().issuer(Version::V2));
    assert_eq!((claims.text("tid"), claims.text("ver")), (tenant.id().to_string().as_str(), "2.0"));
    assert_eq!(claims.text("aud"), api.client_id().to_string());
    assert_eq!(claims.text("azp"), client.client_id().to_string());
    assert_eq!(claims.text("oid"), client.object_id().to_string());
    assert_eq!(claims.get("roles"), &serde_json::json!(["Orders.Read"]));
}

#[tokio::test]
async fn no_two_tenants_share_a_key_and_each_publishes_several() {
    let world = World::new().await;
    let mut seen = kids(&world, &format!("{TENANT}/discovery/v2.0/keys")).await;
    for _ in 0..3 {
        let (tenant, api, client) = fresh(&world).await;
        let token = client.token(&api).await.unwrap();
        let v1 = kids(&world, &format!("{}/discovery/keys", tenant.id())).await;
        let v2 = kids(&world, &format!("{}/discovery/v2.0/keys", tenant.id())).await;
        assert!(v1 == v2 && v2.len() >= 2 && v2.contains(&kid(&token)));
        assert!(v2.is_disjoint(&seen));
        assert!(v2.is_disjoint(&kids(&world, "common/discovery/keys").await));
        seen.extend(v2);
    }
}

#[tokio::test]
async fn a_fresh_tenants_v1_document_names_its_own_key_set() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    let document = world.get(&format!("{}/.well-known/openid-configuration", tenant.id())).await.json();
    assert_eq!(document.text("jwks_uri"), format!("{}/{}/discovery/keys", world.base, tenant.id()));
}

#[tokio::test]
async fn an_app_of_one_tenant_is_unknown_in_another() {
    let world = World::new().await;
    let (_, api, client) = fresh(&world).await;
    let (other, other_api, _) = fresh(&world).await;
    let refused = client.token(&other_api).await.unwrap_err();
    let TokenError::Refused { status: 400, description } = refused else { panic!("{refused:?}") };
    assert!(description.starts_with("AADSTS500011"), "{description}");
    let alien = other.client("alien").unwrap().grant(&api, "Orders.Read").unwrap_err();
    assert!(alien.to_string().contains("no app"), "{alien}");
}

#[tokio::test]
async fn what_is_registered_counts_from_then_on() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let roles = async || part(client.token(&api).await.unwrap().expose(), 1).names().contains(&"roles");
    assert!(roles().await);
    client.revoke(&api, "Orders.Read").unwrap();
    assert!(!roles().await);
    let api = api.clone().assignment_required().unwrap();
    let refused = client.token(&api).await.unwrap_err().to_string();
    assert!(refused.contains("AADSTS501051"), "{refused}");
    let client = client.grant(&api, "Orders.Read").unwrap();
    let api = api.token_version(Version::V1).unwrap().with_idtyp().unwrap();
    let token = client.token(&api).await.unwrap();
    assert_eq!((part(token.expose(), 1).text("ver"), part(token.expose(), 1).text("idtyp")), ("1.0", "app"));
    client.set_enabled(false).unwrap();
    assert!(client.token(&api).await.unwrap_err().to_string().contains("AADSTS7000112"));
    assert!(tenant.application("x").unwrap().role("two words").is_err());
    assert!(tenant.client("y").unwrap().grant(&api, "Orders.Write").is_err());
}

#[tokio::test]
async fn a_tenants_clock_moves_only_its_own_tokens_and_secrets() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let (_, other_api, other_client) = fresh(&world).await;
    let expires = async |client: &Client, api: &Application| {
        part(client.token(api).await.unwrap().expose(), 1).number("exp")
    };
    let before = expires(&client, &api).await;
    tenant.clock().advance(Duration::from_hours(24));
    assert!((86_395..86_500).contains(&(expires(&client, &api).await - before)));
    assert!((expires(&other_client, &other_api).await - before).abs() < 100);
    tenant.clock().freeze();
    assert_eq!(expires(&client, &api).await, tenant.clock().now().as_second() + 3600);
    tenant.clock().advance(Duration::from_hours(24 * 365 * 2));
    let refused = client.token(&api).await.unwrap_err().to_string();
    assert!(refused.contains("AADSTS7000222"), "{refused}");
    tenant.clock().rewind(Duration::from_hours(24 * 365 * 3));
    assert!(client.token(&api).await.is_err());
    tenant.clock().reset();
    assert!(client.token(&api).await.is_ok());
}

#[tokio::test]
async fn a_rollover_in_steps_is_seen_from_outside() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let path = format!("{}/discovery/v2.0/keys", tenant.id());
    let signed_with = async || kid(&client.token(&api).await.unwrap());
    let old = signed_with().await;
    let new = tenant.keys().announce().unwrap();
    assert!(kids(&world, &path).await.contains(&new) && signed_with().await == old);
    tenant.keys().promote(&new).unwrap();
    assert!(kids(&world, &path).await.contains(&old) && signed_with().await == new);
    tenant.keys().retire(&old).unwrap();
    assert!(kids(&world, &path).await.contains(&old));
    tenant.keys().remove(&old).unwrap();
    let left = kids(&world, &path).await;
    assert!(!left.contains(&old) && left.len() >= 2);
    tenant.keys().emergency().unwrap();
    let replaced = kids(&world, &path).await;
    assert!(replaced.is_disjoint(&left) && replaced.contains(&signed_with().await));
}

#[tokio::test]
async fn tenants_in_parallel_do_not_affect_each_other() {
    let world = World::new().await;
    let calls = (0..6).map(|_| async {
        let (tenant, api, client) = fresh(&world).await;
        for _ in 0..3 {
            let token = client.token(&api).await.unwrap();
            assert_eq!(part(token.expose(), 1).text("tid"), tenant.id().to_string());
        }
        tenant.journal().expect_token_requests(3);
    });
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        calls.retain_mut(|call| call.as_mut().poll(context).is_pending());
        if calls.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    world.authority.journal().expect_token_requests(18);
}

#[tokio::test]
async fn a_tenant_that_was_removed_is_unknown_and_the_directorys_stay() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    world.authority.remove_tenant(&tenant);
    assert!(client.token(&api).await.unwrap_err().to_string().contains("AADSTS90002"));
    let first = world.authority.first_tenant();
    world.authority.remove_tenant(&first);
    assert_eq!(world.authority.find_tenant(first.id()).unwrap().id().to_string(), TENANT);
}

#[tokio::test]
async fn no_debug_shows_a_tenants_secrets() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let bad = tenant.good_tokens(&client, &api).unwrap();
    let shown = format!("{tenant:?} {api:?} {client:?} {bad:?}");
    assert!(!shown.contains(client.secret().expose()) && !shown.contains("eyJ"), "{shown}");
}
