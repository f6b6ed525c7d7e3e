use entra_shared::azure_ad::Version;

use super::*;
use crate::credentials::{Credential, SecretHash};

const TENANT: &str = "contoso.com";
const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
const RESOURCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
const OTHER: &str = "e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e";

/// Returns the built-in files in which one text, which must be there, is replaced.
fn edited(from: &str, to: &str) -> Files {
    let mut files = Files::seeded();
    let texts = files.manifests.iter_mut().chain([&mut files.directory]);
    let mut found = false;
    for (_, text) in texts {
        found |= text.contains(from);
        *text = text.replacen(from, to, 1);
    }
    assert!(found, "{from}");
    files
}

fn load(files: &Files, variables: &[(&str, &str)]) -> Result<Directory, String> {
    files.directory(&variables.iter().copied().collect()).map_err(|error| error.to_string())
}

fn accepts(directory: &Directory, secret: &str) -> bool {
    opens(directory, CLIENT, secret)
}

fn opens(directory: &Directory, app: &str, secret: &str) -> bool {
    let tenant = directory.tenant_by_domain(TENANT).unwrap();
    let client = tenant.principal(ClientId::parse(app).unwrap()).unwrap();
    let is_it = |credential: &Credential| match credential {
        Credential::Secret(registered) => registered.hash.matches(&SecretHash::from_secret(secret)),
        _ => false,
    };
    client.application.credentials.iter().any(is_it)
}

#[test]
fn the_built_in_directory_has_the_articles_roles_and_grants() {
    let directory = load(&Files::seeded(), &[]).unwrap();
    let tenant = directory.tenant_by_domain("CONTOSO.com").unwrap();
    let app = |id| &*tenant.principal(ClientId::parse(id).unwrap()).unwrap().application;
    assert_eq!(tenant.roles(app(CLIENT), app(RESOURCE)), ["Resource.Read", "Resource.Write"]);
    let read_only = app("5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635");
    assert_eq!(tenant.roles(read_only, app(RESOURCE)), ["Resource.Read"]);
    let ungranted = app("c48b2e06-9f53-4a7d-86e2-1d5f30a97b4c");
    assert!(!tenant.is_assigned(ungranted, app(RESOURCE)));
    assert_eq!(tenant.roles(app(CLIENT), app(OTHER)), ["Other.Read"]);
    assert_eq!((app(RESOURCE).token_version, app(OTHER).token_version), (Version::V2, Version::V1));
    let ids: Vec<String> = app(RESOURCE).app_roles.iter().map(|role| role.id.to_string()).collect();
    assert_eq!(ids, ["c125abc9-00a9-469d-a02c-5cfffc6d2d9c", "f8d39977-e31e-460b-b92c-9cef51d14f98"]);
}

#[test]
fn a_resource_is_known_by_its_id_and_by_its_uri_with_or_without_a_slash() {
    let directory = load(&Files::seeded(), &[]).unwrap();
    let tenant = directory.first_tenant().unwrap();
    for name in [
        RESOURCE.to_owned(),
        RESOURCE.to_uppercase(),
        format!("api://{RESOURCE}"),
        format!("api://{RESOURCE}/"),
    ] {
        let found = tenant.resource(&name).unwrap();
        assert_eq!(found.application.client_id.to_string(), RESOURCE);
    }
    for name in ["", "api://", "api://unknown", "DemoResourceApp"] {
        assert!(tenant.resource(name).is_none(), "{name}");
    }
}

#[test]
fn a_secret_comes_from_its_variable_then_its_file_then_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    fs::write(&path, "from the file\n").unwrap();
    let entry = "variable = \"DEMO_CLIENT_SECRET\"";
    let with_file = edited(entry, &format!("{entry}\nfile = {:?}", path.display().to_string()));
    let variable = [("DEMO_CLIENT_SECRET", "from the variable")];
    assert!(accepts(&load(&with_file, &variable).unwrap(), "from the variable"));
    assert!(accepts(&load(&with_file, &[]).unwrap(), "from the file"));
    assert!(!accepts(&load(&with_file, &[]).unwrap(), "development-only-demo-client-secret"));
    assert!(accepts(&load(&Files::seeded(), &[]).unwrap(), "development-only-demo-client-secret"));
    fs::remove_file(&path).unwrap();
    assert!(load(&with_file, &[]).unwrap_err().contains("`secrets.file`"));
}

#[test]
fn a_hash_stands_in_for_a_default_and_yields_to_a_variable() {
    let default = "development_default = \"development-only-demo-client-secret\"";
    let hashed = format!("sha256 = \"{}\"", crate::hash_secret("a secret in no file"));
    let files = edited(default, &hashed);
    assert!(accepts(&load(&files, &[]).unwrap(), "a secret in no file"));
    assert!(!accepts(&load(&files, &[]).unwrap(), "development-only-demo-client-secret"));
    let variable = [("DEMO_CLIENT_SECRET", "from the variable")];
    assert!(accepts(&load(&files, &variable).unwrap(), "from the variable"));
    assert!(!accepts(&load(&files, &variable).unwrap(), "a secret in no file"));
}

#[test]
fn a_secret_opens_the_app_that_it_is_for_and_no_copy_of_its_manifest() {
    let copied = "5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635";
    let mut files = Files::seeded();
    let original = files.manifests[0].1.clone();
    files.manifests[1].1 = original.replace(CLIENT, copied);
    // The secret of the app whose manifest is gone.
    let from = files.directory.1.find("[[secrets]]\napp = \"5a7d").unwrap();
    let until = from + files.directory.1[from..].find("[[secrets]]\napp = \"c48b").unwrap();
    files.directory.1.replace_range(from..until, "");
    let directory = load(&files, &[]).unwrap();
    assert!(accepts(&directory, "development-only-demo-client-secret"));
    assert!(!opens(&directory, copied, "development-only-demo-client-secret"));
}

#[test]
fn a_secret_that_stands_there_twice_is_refused() {
    let entry = "[[secrets]]\napp = \"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813\"";
    let again = format!(
        "{entry}\nkey_id = \"d1b6f2a0-58c3-4e97-9a04-7b3e1c5d2f68\"\ndevelopment_default = \"canary\"\n\n{entry}"
    );
    let error = load(&edited(entry, &again), &[]).unwrap_err();
    assert!(error.contains("`secrets.key_id`: d1b6f2a0-") && error.contains("is there twice"), "{error}");
    assert!(!error.contains("canary"), "{error}");
}

#[test]
fn what_is_wrong_is_named_with_file_key_and_remedy() {
    let cases = [
        ("region = \"EU\"", "reigon = \"EU\"", "directory.toml: line ", "unknown field `reigon`"),
        ("region = \"EU\"", "region = 7042", "directory.toml: line ", "expected a string"),
        (
            "role = \"Other.Read\"",
            "role = \"Other.Raed\"",
            "`tenants.grants.role`: Other.Raed of OtherResourceApp",
            "add it to `appRoles`",
        ),
        ("role = \"Resource.Write\"", "role = \"Resource.Read\"", "`tenants.grants`", "twice; remove one"),
        (
            "key_id = \"d1b6f2a0",
            "key_id = \"d1b6f2a1",
            "`secrets.key_id`: d1b6f2a1-",
            "correct `app` or `key_id`",
        ),
        (
            "development_default = \"development-only-demo-client-secret\"",
            "",
            "`secrets`: d1b6f2a0-",
            "set the variable DEMO_CLIENT_SECRET",
        ),
        (
            "development_default = \"development-only-demo-client-secret\"",
            "sha256 = \"canary\"",
            "`secrets.sha256`: d1b6f2a0-",
            "`authority-app hash-secret`",
        ),
        (
            "variable = \"DEMO_CLIENT_SECRET\"",
            "sha256 = \"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"",
            "`secrets.sha256`: d1b6f2a0-",
            "remove one",
        ),
        ("\"appId\": \"3c9e5d7a", "\"appId\": \"3c9e5d7b", "directory.toml: `secrets.key_id`", "no manifest"),
        (
            "\"appId\": \"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813\"",
            "\"appId\": \"canary\"",
            "applications/DemoClientApp.json: `appId`",
            "not a GUID",
        ),
        (
            "\"requestedAccessTokenVersion\": 2",
            "\"requestedAccessTokenVersion\": 3",
            "DemoResourceApp.json: `api.requestedAccessTokenVersion`",
            "write 1, 2 or null",
        ),
        (
            "\"displayName\": \"DemoResourceApp\"",
            "\"displayName\": 7042",
            "DemoResourceApp.json: `displayName`",
            "expected a string",
        ),
        (
            "\"Application\"\n",
            "\"User\"\n",
            "`tenants.grants.role`: Resource.Read of DemoResourceApp",
            "`allowedMemberTypes`",
        ),
        (
            "api://e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e",
            "api://b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4",
            "another app of the tenant already has api://",
            "`tenants.service_principals.app`",
        ),
        ("object_id = \"9f3c7a51", "object_id = \"canary", "directory.toml: line ", "not a GUID"),
        (
            "[[tenants.service_principals]]\napp = \"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4\"",
            "[[tenants.service_principals]]\napp = \"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a5\"",
            "`tenants.service_principals.app`",
            "add it",
        ),
        (
            "domains = [\"contoso.com\"]",
            "domains = [\"contoso.com\", \"Contoso.com\"]",
            "`tenants.domains`",
            "two tenants",
        ),
    ];
    for (from, to, place, remedy) in cases {
        let error = load(&edited(from, to), &[]).unwrap_err();
        assert!(error.contains(place) && error.contains(remedy), "{to}: {error}");
        assert!(!error.contains("canary") && !error.contains("7042") && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_stands_twice_in_no_tenant_is_named() {
    let cases = [
        (
            "object_id = \"9f3c7a51-2d84-4b6e-a0f9-c15d8e7b3264\"",
            "object_id = \"e5081c9f-a7b3-4d26-93fe-60d2b4c8a715\"",
            "`tenants.service_principals.object_id`: e5081c9f-",
            "that of DemoClientApp and of DemoResourceApp",
        ),
        (
            "\"id\": \"c125abc9-00a9-469d-a02c-5cfffc6d2d9c\"",
            "\"id\": \"f8d39977-e31e-460b-b92c-9cef51d14f98\"",
            "DemoResourceApp.json: `appRoles.id`: f8d39977-",
            "twice",
        ),
        (
            "\"value\": \"Resource.Read\"",
            "\"value\": \"Resource.Write\"",
            "DemoResourceApp.json: `appRoles.value`: Resource.Write",
            "twice",
        ),
    ];
    for (from, to, place, problem) in cases {
        let error = load(&edited(from, to), &[]).unwrap_err();
        assert!(error.contains(place) && error.contains(problem) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn an_app_for_personal_accounts_has_v2_tokens() {
    for (version, refused) in [("null", true), ("1", true), ("2", false)] {
        let mut files = Files::seeded();
        let (_, text) =
            files.manifests.iter_mut().find(|(name, _)| name.contains("DemoResourceApp")).unwrap();
        *text = text.replace("\"AzureADMyOrg\"", "\"AzureADandPersonalMicrosoftAccount\"").replace(
            "\"requestedAccessTokenVersion\": 2",
            &format!("\"requestedAccessTokenVersion\": {version}"),
        );
        let error = load(&files, &[]).err().unwrap_or_default();
        assert_eq!(
            error.contains("write 2: with the `signInAudience` AzureADandPersonal"),
            refused,
            "{error}"
        );
    }
}

#[test]
fn two_manifests_of_one_app_are_refused() {
    let files =
        edited("\"appId\": \"5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635\"", &format!("\"appId\": \"{CLIENT}\""));
    assert!(
        load(&files, &[])
            .unwrap_err()
            .contains("`appId`: is that of applications/DemoClientApp.json as well")
    );
}

#[test]
fn a_folder_is_read_as_the_built_in_directory_is() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("directory");
    let directory = load(&Files::read(&folder).unwrap(), &[]).unwrap();
    assert!(accepts(&directory, "development-only-demo-client-secret"));
    let missing = Files::read(Path::new("/nowhere")).map(|_| ()).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/applications"), "{missing}");
}

#[test]
fn a_disabled_role_stays_granted_in_the_directory_and_cannot_be_granted_again() {
    let mut files = Files::seeded();
    for (_, text) in &mut files.manifests {
        *text = text.replace("\"isEnabled\": true", "\"isEnabled\": false");
    }
    let mut tenant = load(&files, &[]).unwrap().first_tenant().unwrap().clone();
    let id = |text| ClientId::parse(text).unwrap();
    let role = entra_shared::ids::AppRole::parse("Resource.Read").unwrap();
    // The client has it already, so that nothing changes; the other one would be assigned anew.
    assert_eq!(tenant.grant(id(CLIENT), id(RESOURCE), &role), Ok(()));
    let ungranted = id("c48b2e06-9f53-4a7d-86e2-1d5f30a97b4c");
    let error = tenant.grant(ungranted, id(RESOURCE), &role).unwrap_err();
    assert_eq!(error, super::super::RegistrationError::DisabledRole(role));
    let app = |client| &*tenant.principal(client).unwrap().application;
    assert!(!tenant.is_assigned(app(ungranted), app(id(RESOURCE))));
}

#[test]
fn no_debug_shows_a_secret() {
    let shown = format!("{:?}", load(&Files::seeded(), &[]).unwrap());
    assert!(shown.contains("[redacted]") && !shown.contains("development-only"), "{shown}");
}
