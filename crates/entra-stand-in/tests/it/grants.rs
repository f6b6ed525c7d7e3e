//! Who gets a token, and what the registration of client and resource make of it.

use entra_stand_in::Authority;
use serde_json::{Value, json};

use crate::directories::directory;
use crate::envelope::{Refused, opened};
use crate::world::{
    CLIENT, OTHER, RESOURCE, SECRET, TENANT, UNGRANTED, UNGRANTED_SECRET, World, form, part, v2,
};

const UNGRANTED_PRINCIPAL: &str = "[[tenants.service_principals]]
app = \"c48b2e06-9f53-4a7d-86e2-1d5f30a97b4c\" # DemoUngrantedClientApp
object_id = \"b8e2f406-1d95-4c7a-a63b-f07c5d9e2184\"";

pub(crate) const SECOND_TENANT: &str = "2f6f1a8e-93b5-4c07-8d1e-7a60b4c5d2e9";

async fn edited(edits: &[(&str, &str, &str)]) -> World {
    World::start_with(Authority::builder().directory(directory(edits).unwrap())).await
}

/// The built-in directory and a second tenant with these service principals.
async fn with_second_tenant(principals: &str) -> World {
    edited(&[("directory.toml", FIRST, &second_tenant(principals))]).await
}

/// What the first tenant of `directory.toml` begins with.
pub(crate) const FIRST: &str = "[[tenants]]\nid";

/// The same, behind a second tenant with these service principals.
pub(crate) fn second_tenant(principals: &str) -> String {
    format!("[[tenants]]\nid = \"{SECOND_TENANT}\"\ndisplay_name = \"Fabrikam\"\n{principals}\n{FIRST}")
}

pub(crate) fn principal(app: &str, object: u8) -> String {
    format!(
        "[[tenants.service_principals]]\napp = \"{app}\"\nobject_id = \"00000000-0000-4000-8000-0000000000{object:02}\"\n"
    )
}

async fn ask(world: &World, tenant: &str, changes: &[(&str, &str)]) -> (u16, String, Value) {
    let scope = format!("api://{RESOURCE}/.default");
    let mut fields = form(CLIENT, SECRET, &scope).to_vec();
    for (name, value) in changes {
        fields.retain(|(other, _)| other != name);
        fields.push((name, value));
    }
    let answer = world.post(&v2(tenant), &fields).await;
    if answer.status == 200 {
        let claims = part(answer.json().text("access_token"), 1);
        return (200, claims.text("tid").to_owned(), claims.get("roles").clone());
    }
    let Refused { status, error, code, text, .. } = opened(&answer);
    (status, format!("{error}: AADSTS{code}: {text}"), json!([code]))
}

#[tokio::test]
async fn a_grant_counts_in_its_own_tenant_alone() {
    let world = with_second_tenant(&[principal(CLIENT, 1), principal(RESOURCE, 2)].concat()).await;
    let roles = json!(["Resource.Read", "Resource.Write"]);
    assert_eq!(ask(&world, TENANT, &[]).await, (200, TENANT.to_owned(), roles));
    assert_eq!(ask(&world, SECOND_TENANT, &[]).await, (200, SECOND_TENANT.to_owned(), Value::Null));
}

#[tokio::test]
async fn an_app_of_another_tenant_is_unknown_and_one_that_could_be_added_lacks_its_principal() {
    let world = with_second_tenant("").await;
    let (status, text, codes) = ask(&world, SECOND_TENANT, &[]).await;
    assert!(text.starts_with("unauthorized_client: AADSTS700016: Application with identifier"), "{text}");
    assert_eq!((status, codes), (400, json!([700016])));

    let audience = "\"signInAudience\": \"AzureADMyOrg\"";
    let multi = "\"signInAudience\": \"AzureADMultipleOrgs\"";
    let world = edited(&[
        ("applications/DemoUngrantedClientApp.json", audience, multi),
        ("directory.toml", UNGRANTED_PRINCIPAL, ""),
    ])
    .await;
    let changes = [("client_id", UNGRANTED), ("client_secret", UNGRANTED_SECRET)];
    let expected = format!(
        "invalid_client: AADSTS7000229: The client application {UNGRANTED} is missing service principal in the tenant {TENANT}. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119"
    );
    assert_eq!(ask(&world, TENANT, &changes).await, (401, expected, json!([7000229])));
}

#[tokio::test]
async fn a_public_client_may_not_present_a_credential() {
    let file = "applications/DemoUngrantedClientApp.json";
    let source = std::fs::read_to_string(format!("{}/directory/{file}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let start = source.find("\"passwordCredentials\"").unwrap();
    let end = start + source[start..].find(']').unwrap() + 1;
    let toml =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/directory/directory.toml")).unwrap();
    let secret =
        toml.split("\n\n").find(|entry| entry.contains("development-only-ungranted-secret")).unwrap();
    let public = [
        (file, &source[start..end], "\"passwordCredentials\": []"),
        (file, "\"isFallbackPublicClient\": null", "\"isFallbackPublicClient\": true"),
        ("directory.toml", secret, ""),
    ];
    let world = edited(&public).await;
    let expected = "invalid_client: AADSTS700025: Client is public so neither 'client_assertion' nor 'client_secret' should be presented.";
    let changes = [("client_id", UNGRANTED), ("client_secret", UNGRANTED_SECRET)];
    assert_eq!(ask(&world, TENANT, &changes).await, (401, expected.to_owned(), json!([700025])));
    // A client with a secret is confidential, whatever its fallback.
    let fallback = ("applications/DemoClientApp.json", public[1].1, public[1].2);
    assert_eq!(ask(&edited(&[fallback]).await, TENANT, &[]).await.0, 200);
}

#[tokio::test]
async fn capabilities_are_in_tokens_where_client_and_resource_ask_for_them() {
    let asked = r#""optionalClaims": {"accessToken": [{"name": "xms_cc", "additionalProperties": []}]}"#;
    let claims = r#"{"access_token":{"xms_cc":{"values":["cp1","other"]}}}"#;
    let manifests = ["applications/DemoResourceApp.json", "applications/OtherResourceApp.json"];
    let edits = manifests.map(|file| (file, "\"optionalClaims\": null", asked));
    let token = async |world: &World, resource: &str, claims: &str| {
        let scope = format!("api://{resource}/.default");
        let fields = [&form(CLIENT, SECRET, &scope)[..], &[("claims", claims)]].concat();
        let answer = world.post(&v2(TENANT), &fields).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        part(answer.json().text("access_token"), 1)
    };
    let opted_in = edited(&edits).await;
    for resource in [RESOURCE, OTHER] {
        let with = token(&opted_in, resource, claims).await;
        assert_eq!(with.get("xms_cc"), &json!(["cp1"]));
        for sent in ["CP1", "Cp1", "cP1"] {
            let claims = json!({ "access_token": { "xms_cc": { "values": [sent, "cp1", "cp2"] } } });
            let with = token(&opted_in, resource, &claims.to_string()).await;
            assert_eq!(with.get("xms_cc"), &json!([sent]));
        }
        for nothing in ["", "{}", "not json", r#"{"access_token":{"xms_cc":null}}"#] {
            let without = token(&opted_in, resource, nothing).await;
            assert!(!without.names().contains(&"xms_cc"), "{nothing}");
        }
    }
    let without = token(&World::new().await, RESOURCE, claims).await;
    assert!(!without.names().contains(&"xms_cc"));
}
