//! Directories of a test's own: the built-in one, edited.

use std::fs;
use std::path::Path;

use entra_shared::settings::Environment;
use entra_stand_in::{Authority, Directory, DirectoryError};
use serde_json::json;

use crate::envelope::{Refused, opened};
use crate::world::{
    CLIENT, OTHER, READ_ONLY, READ_ONLY_SECRET, RESOURCE, SECRET, TENANT, UNGRANTED, UNGRANTED_SECRET, World,
    form, part, v2,
};

/// A stand-in whose directory has some texts replaced, each of which must be there.
async fn edited(edits: &[(&str, &str, &str)]) -> World {
    World::start_with(Authority::builder().directory(directory(edits).unwrap())).await
}

/// The built-in directory with some texts replaced, each of which must be there.
pub(crate) fn directory(edits: &[(&str, &str, &str)]) -> Result<Directory, DirectoryError> {
    Directory::load(edited_folder(edits).path(), &Environment::default())
}

/// The files of such a directory.
pub(crate) fn edited_folder(edits: &[(&str, &str, &str)]) -> tempfile::TempDir {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|folder| folder.join("crates/entra-stand-in/directory"))
        .find(|folder| folder.is_dir())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("applications")).unwrap();
    let applications = fs::read_dir(source.join("applications")).unwrap();
    let names = applications.map(|entry| format!("applications/{}", entry.unwrap().file_name().display()));
    for name in names.chain(["directory.toml".to_owned()]) {
        let mut text = fs::read_to_string(source.join(&name)).unwrap();
        for (_, from, to) in edits.iter().filter(|(file, ..)| *file == name) {
            assert!(text.contains(from), "{name} has no {from}");
            text = text.replacen(from, to, 1);
        }
        fs::write(folder.path().join(&name), text).unwrap();
    }
    folder
}

async fn refused(
    world: &World,
    client: &str,
    secret: &str,
    resource: &str,
) -> (u16, String, serde_json::Value) {
    let scope = format!("{resource}/.default");
    let answer = world.post(&v2(TENANT), &form(client, secret, &scope)).await;
    let Refused { status, error, code, text, .. } = opened(&answer);
    (status, format!("{error}: AADSTS{code}: {text}"), json!([code]))
}

#[tokio::test]
async fn an_expired_secret_and_disabled_principals_are_told_apart() {
    let disabled = |object_id: &str| format!("{object_id}\"\nenabled = false");
    let (read_only, resource) =
        ("40b9d3e7-6c1a-4f82-b5d0-8a27f9e1c653", "9f3c7a51-2d84-4b6e-a0f9-c15d8e7b3264");
    let world = edited(&[
        ("applications/DemoUngrantedClientApp.json", "2099-12-31T00:00:00Z", "2026-01-16T00:00:00Z"),
        ("directory.toml", &format!("{read_only}\""), &disabled(read_only)),
        ("directory.toml", &format!("{resource}\""), &disabled(resource)),
    ])
    .await;
    let api = format!("api://{RESOURCE}");
    let (status, text, codes) = refused(&world, UNGRANTED, UNGRANTED_SECRET, &api).await;
    let expected = format!(
        "invalid_client: AADSTS7000222: The provided client secret keys for app '{UNGRANTED}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."
    );
    assert_eq!((status, text, codes), (401, expected, json!([7000222])));

    let (status, text, codes) = refused(&world, READ_ONLY, READ_ONLY_SECRET, &api).await;
    let expected = format!(
        "unauthorized_client: AADSTS7000112: Application '{READ_ONLY}'(DemoReadOnlyClientApp) is disabled."
    );
    assert_eq!((status, text, codes), (400, expected, json!([7000112])));

    let (status, text, codes) = refused(&world, CLIENT, SECRET, &api).await;
    // The misspelling is Microsoft's.
    let expected = format!(
        "invalid_resource: AADSTS500014: The service principal for resource '{api}' is disabled. This indicate that a subscription within the tenant has lapsed, or that the administrator for this tenant has disabled the application, preventing tokens from being issued for it."
    );
    assert_eq!((status, text, codes), (400, expected, json!([500014])));
}

#[tokio::test]
async fn where_assignment_is_required_a_client_without_a_role_gets_no_token() {
    let resource = "9f3c7a51-2d84-4b6e-a0f9-c15d8e7b3264";
    let required = format!("{resource}\"\napp_role_assignment_required = true");
    let world = edited(&[("directory.toml", &format!("{resource}\""), &required)]).await;
    let api = format!("api://{RESOURCE}");
    let (status, text, codes) = refused(&world, UNGRANTED, UNGRANTED_SECRET, &api).await;
    let expected = format!(
        "invalid_grant: AADSTS501051: Application '{UNGRANTED}'(DemoUngrantedClientApp) is not assigned to a role for the application '{api}'(DemoResourceApp)."
    );
    assert_eq!((status, text, codes), (400, expected, json!([501051])));
    let claims = part(&world.token(READ_ONLY, READ_ONLY_SECRET, &api).await, 1);
    assert_eq!(claims.get("roles"), &json!(["Resource.Read"]));
}

#[tokio::test]
async fn a_grant_names_a_role_by_value_or_id_and_the_nil_id_assigns_without_a_role() {
    let resource = "9f3c7a51-2d84-4b6e-a0f9-c15d8e7b3264";
    let required = format!("{resource}\"\napp_role_assignment_required = true");
    let default = format!(
        "[[tenants.grants]]\nclient = \"{UNGRANTED}\"\nresource = \"{RESOURCE}\"\nrole = \"00000000-0000-0000-0000-000000000000\"\n\n[[tenants.grants]]"
    );
    let world = edited(&[
        ("directory.toml", &format!("{resource}\""), &required),
        ("directory.toml", "[[tenants.grants]]", &default),
        ("directory.toml", "\"Resource.Write\"", "\"F8D39977-e31e-460b-b92c-9cef51d14f98\""),
    ])
    .await;
    let api = format!("api://{RESOURCE}");
    let claims = part(&world.token(UNGRANTED, UNGRANTED_SECRET, &api).await, 1);
    assert!(!claims.names().contains(&"roles"));
    let claims = part(&world.token(CLIENT, SECRET, &api).await, 1);
    assert_eq!(claims.get("roles"), &json!(["Resource.Read", "Resource.Write"]));
    let unknown = [("directory.toml", "\"Resource.Write\"", "\"f8d39977-e31e-460b-b92c-9cef51d14f99\"")];
    assert!(directory(&unknown).unwrap_err().to_string().contains("no such app role"));
}

#[tokio::test]
async fn a_role_disabled_after_its_grant_stays_in_tokens() {
    let enabled = "\"isEnabled\": true,\n            \"origin\"";
    let disabled = "\"isEnabled\": false,\n            \"origin\"";
    let world = edited(&[("applications/DemoResourceApp.json", enabled, disabled)]).await;
    let claims = part(&world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await, 1);
    assert_eq!(claims.get("roles"), &json!(["Resource.Read", "Resource.Write"]));
}

#[tokio::test]
async fn optional_claims_are_those_that_the_resource_asks_for() {
    let asked = r#""optionalClaims": {"idToken": [], "accessToken": [
        {"name": "idtyp", "source": null, "essential": false, "additionalProperties": []},
        {"name": "aud", "source": null, "essential": false, "additionalProperties": ["use_guid"]}], "saml2Token": []}"#;
    let world = edited(&[("applications/OtherResourceApp.json", "\"optionalClaims\": null", asked)]).await;
    let claims = part(&world.token(CLIENT, SECRET, &format!("api://{OTHER}")).await, 1);
    assert_eq!((claims.text("idtyp"), claims.text("aud"), claims.text("ver")), ("app", OTHER, "1.0"));
}

#[tokio::test]
async fn microsofts_own_apps_are_there_for_tenants_that_hold_them() {
    const GRAPH: &str = "00000003-0000-0000-c000-000000000000";
    let grant = format!(
        "[[tenants.grants]]\nclient = \"{CLIENT}\"\nresource = \"{GRAPH}\"\nrole = \"User.Read.All\"\n\n[[tenants.managed_identities]]"
    );
    let world = edited(&[("directory.toml", "[[tenants.managed_identities]]", &grant)]).await;
    for (scope, audience, roles) in [
        ("https://graph.microsoft.com/.default", "https://graph.microsoft.com", json!(["User.Read.All"])),
        ("https://management.azure.com/.default", "https://management.azure.com", json!(null)),
        ("https://management.azure.com//.default", "https://management.azure.com/", json!(null)),
        (
            "https://management.core.windows.net//.default",
            "https://management.core.windows.net/",
            json!(null),
        ),
        (
            "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013",
            json!(null),
        ),
        ("api://AzureADTokenExchange/.default", "fb60f99c-7a34-4190-8149-302f77469936", json!(null)),
    ] {
        let answer = world.post(&v2(TENANT), &form(CLIENT, SECRET, scope)).await;
        assert_eq!(answer.status, 200, "{scope}: {answer:?}");
        let claims = part(answer.json().text("access_token"), 1);
        assert_eq!((claims.text("aud"), claims.get("roles")), (audience, &roles), "{scope}");
    }
    // A tenant without the service principal does not know it.
    let tenant = world.authority.tenant().await.unwrap();
    let client = tenant.client("caller").unwrap();
    let fields = form("", client.secret().expose(), "https://graph.microsoft.com/.default");
    let id = client.client_id().to_string();
    let fields = fields.map(|(name, value)| (name, if name == "client_id" { id.as_str() } else { value }));
    let answer = world.post(&v2(&tenant.id().to_string()), &fields).await;
    assert_eq!(opened(&answer).code, 500_011);
}
