//! An API for several tenants: tokens of listed tenants and of others.

use demo::system::Options;
use entra_shared::secret::AccessToken;
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::guarded_api::{GuardedApi, Place, location, outcome};
use tests::world::{CLIENT, TENANT};

const LISTED: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
const UNLISTED: &str = "5d0f6b52-3c1e-4a87-9f0e-7d2c8b41a6e3";

async fn world(endpoint: &str) -> World {
    let variables = [
        ("AZURE_AD__TENANT_ID", endpoint.to_owned()),
        ("AZURE_AD__ACCEPTED_TENANTS", format!("{TENANT},{LISTED}")),
        // Long enough for the fetch after a rollover on a machine under load.
        ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "10000".to_owned()),
    ];
    let resource_variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    World::start_with(Options { resource_variables, ..Options::default() }).await
}

/// A token with the tenant id `tenant` and the issuer of `issuing_tenant`, signed with a key that tenants share.
async fn token(world: &World, version: &str, tenant: &str, issuing_tenant: &str) -> AccessToken {
    let instance = world.system.authority().instance();
    let issuer = match version {
        "1.0" => format!("{instance}/{issuing_tenant}/"),
        _ => format!("{instance}/{issuing_tenant}/v2.0"),
    };
    let roles = ["Resource.Read", "Resource.Write"];
    let mut claims = json!({ "ver": version, "tid": tenant, "iss": issuer, "roles": roles });
    if version == "1.0" {
        claims["appid"] = json!(tests::world::CLIENT);
        claims["appidacr"] = json!("1");
    }
    world.token(claims).await
}

#[tokio::test]
async fn tokens_of_listed_tenants_are_accepted_and_of_no_other() {
    for endpoint in ["organizations", "common"] {
        let world = world(endpoint).await;
        for version in ["1.0", "2.0"] {
            for tenant in [TENANT, LISTED] {
                let token = token(&world, version, tenant, tenant).await;
                let caller = world.get("/api/caller", &token).await;
                assert_eq!(caller.status(), StatusCode::OK, "{endpoint} {version} {tenant}");
                assert_eq!(caller.json::<Value>().await.unwrap()["tenant_id"], tenant);
            }
            for (tenant, issuing_tenant, code) in [
                (UNLISTED, UNLISTED, "tenant_mismatch"),
                (UNLISTED, TENANT, "tenant_mismatch"),
                (TENANT, UNLISTED, "issuer_mismatch"),
                (TENANT, LISTED, "issuer_mismatch"),
                (TENANT, "{tenantid}", "issuer_mismatch"),
                (TENANT, endpoint, "issuer_mismatch"),
            ] {
                let token = token(&world, version, tenant, issuing_tenant).await;
                let refused = world.get("/api/caller", &token).await;
                assert_eq!(refused.status(), StatusCode::UNAUTHORIZED, "{tenant} {issuing_tenant}");
                assert_eq!(refused.json::<Value>().await.unwrap()["code"], code, "{tenant} {issuing_tenant}");
            }
        }
        world.roll_keys().await;
        let token = world.token(json!({})).await;
        assert_eq!(world.get("/api/caller", &token).await.status(), StatusCode::OK, "after a rollover");
    }
}

/// An API for two tenants, and a token of the same app with both roles from each.
async fn two_tenants(settings: &str) -> (World, GuardedApi, [AccessToken; 2]) {
    let world = world("organizations").await;
    let place = Place::new(&world, settings)
        .with("AZURE_AD__TENANT_ID", "organizations")
        .with("AZURE_AD__ACCEPTED_TENANTS", &format!("{TENANT},{LISTED}"));
    let api = place.start().await;
    let tokens = [token(&world, "2.0", TENANT, TENANT).await, token(&world, "2.0", LISTED, LISTED).await];
    (world, api, tokens)
}

async fn list(api: &GuardedApi, token: &AccessToken) -> Value {
    api.read(token).await.json::<Value>().await.unwrap()["items"].clone()
}

#[tokio::test]
async fn a_resource_is_visible_to_its_own_tenant_only() {
    let (_world, api, [ours, theirs]) = two_tenants("").await;
    let created = api.write(&ours).await;
    assert_eq!(created.status(), StatusCode::CREATED);
    let path = location(&created);
    let created: Value = created.json().await.unwrap();
    // The list first, since it tells which ids there are.
    assert_eq!(list(&api, &theirs).await, json!([]));
    let absent = (404, "resource_not_found".to_owned());
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        for if_match in ["\"1\"", "*", "\"999\""] {
            let request = api.request(method.clone(), &path, &theirs).header(header::IF_MATCH, if_match);
            let request = request.json(&json!({ "name": "theirs", "content": 2 }));
            assert_eq!(outcome(request.send().await.unwrap()).await, absent, "{method} {if_match}");
        }
    }
    assert_eq!(list(&api, &ours).await, json!([created]));
    assert_eq!(api.write(&theirs).await.status(), StatusCode::CREATED);
    assert_eq!(list(&api, &ours).await, json!([created]));
    assert_eq!(list(&api, &theirs).await[0]["created_by"], CLIENT);
}

#[tokio::test]
async fn an_idempotency_key_replays_nothing_of_another_tenant() {
    let (_world, api, [ours, theirs]) = two_tenants("").await;
    let post = async |token: &AccessToken, name: &str| {
        let request = api.request(Method::POST, "/api/resources", token).header("idempotency-key", "k");
        let response = request.json(&json!({ "name": name, "content": 1 })).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        response.json::<Value>().await.unwrap()
    };
    let first = post(&ours, "n").await;
    let second = post(&theirs, "n").await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(post(&ours, "n").await, first);
    assert_eq!(post(&theirs, "n").await, second);
    assert_eq!((list(&api, &ours).await, list(&api, &theirs).await), (json!([first]), json!([second])));
}

#[tokio::test]
async fn a_client_can_be_listed_for_one_tenant() {
    let listed = format!(
        "[[authorization.clients]]\nclient_id = \"{CLIENT}\"\ntenant_id = \"{LISTED}\"\nname = \"Theirs\"\n\
         policies = [\"ReadPolicy\"]"
    );
    let (_world, api, [ours, theirs]) = two_tenants(&listed).await;
    assert_eq!(outcome(api.read(&theirs).await).await, (200, String::new()));
    assert_eq!(outcome(api.read(&ours).await).await, (403, "client_not_allowed".into()));
}
