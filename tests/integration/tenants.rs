//! An API that apps of several tenants call, and tokens of tenants that may and that may not.

use demo::system::Options;
use reqwest::StatusCode;
use serde_json::{Value, json};
use shared::secret::AccessToken;
use tests::World;
use tests::world::TENANT;

const LISTED: &str = "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41";
const UNLISTED: &str = "5d0f6b52-3c1e-4a87-9f0e-7d2c8b41a6e3";

async fn world(endpoint: &str) -> World {
    let variables = [
        ("AZURE_AD__TENANT_ID", endpoint.to_owned()),
        ("AZURE_AD__ACCEPTED_TENANTS", format!("{TENANT},{LISTED}")),
        // For the fetch after a rollover on a machine under load.
        ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "10000".to_owned()),
    ];
    let resource_variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    World::start_with(Options { resource_variables, ..Options::default() }).await
}

/// A token that says it is of `tenant` and issued under `issuing_tenant`, signed with a key of all tenants.
async fn token(world: &World, version: &str, tenant: &str, issuing_tenant: &str) -> AccessToken {
    let instance = world.system.authority().instance();
    let issuer = match version {
        "1.0" => format!("{instance}/{issuing_tenant}/"),
        _ => format!("{instance}/{issuing_tenant}/v2.0"),
    };
    let mut claims = json!({ "ver": version, "tid": tenant, "iss": issuer });
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
