//! Manifests in both formats: read, written back, compared with exports, and turned into a script.

use std::path::Path;
use std::process::{Command, Output};

use authority_app::tools;
use entra_shared::settings::Environment;
use entra_stand_in::{Authority, Directory, ManifestFormat, Registrations};
use serde_json::{Value, json};

use crate::directories::edited_folder;
use crate::program::program;
use crate::world::{CLIENT, RESOURCE, SECRET, World, part};

fn seeded() -> Registrations {
    Registrations::seeded(&Environment::default()).unwrap()
}

fn load(folder: &Path) -> Registrations {
    Registrations::load(folder, &Environment::default()).unwrap()
}

fn manifest(app: &str, format: ManifestFormat, whole: bool) -> Value {
    serde_json::from_str(&tools::manifest(&seeded(), app, format, whole).unwrap()).unwrap()
}

/// The exit code of a command, with its standard output and standard error.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = program(arguments, variables).output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// The built-in directory with every manifest in the older format.
fn aad_graph_folder() -> tempfile::TempDir {
    let folder = edited_folder(&[]);
    let registrations = seeded();
    for entry in std::fs::read_dir(folder.path().join("applications")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        std::fs::write(&path, tools::manifest(&registrations, name, ManifestFormat::AadGraph, true).unwrap())
            .unwrap();
    }
    folder
}

#[test]
fn the_older_format_has_the_same_members_under_its_own_names() {
    let old = manifest("DemoResourceApp", ManifestFormat::AadGraph, true);
    assert_eq!((&old["name"], &old["accessTokenAcceptedVersion"]), (&json!("DemoResourceApp"), &json!(2)));
    assert_eq!(old["oauth2AllowImplicitFlow"], false);
    assert_eq!(old["knownClientApplications"], json!([]));
    assert_eq!(old["appRoles"][0]["lang"], Value::Null);
    assert!(old["appRoles"][0].as_object().unwrap().contains_key("lang"));
    for new in ["displayName", "api", "web", "spa", "info", "publicClient"] {
        assert!(old.get(new).is_none(), "{new}");
    }
    let secret = &manifest("DemoClientApp", ManifestFormat::AadGraph, true)["passwordCredentials"][0];
    assert_eq!(secret["endDate"], "2099-12-31T00:00:00Z");
    assert_eq!(secret["value"], Value::Null);
    assert_eq!(ManifestFormat::detect(&old), ManifestFormat::AadGraph);
    let new = manifest("DemoResourceApp", ManifestFormat::Graph, true);
    assert_eq!(ManifestFormat::detect(&new), ManifestFormat::Graph);
}

#[tokio::test]
async fn a_directory_in_the_older_format_issues_the_same_tokens() {
    let folder = aad_graph_folder();
    let directory = Directory::load(folder.path(), &Environment::default()).unwrap();
    let world = World::start_with(Authority::builder().directory(directory)).await;
    let claims = part(&world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await, 1);
    assert_eq!((claims.text("ver"), claims.text("aud")), ("2.0", RESOURCE));
    assert_eq!(claims.get("roles"), &json!(["Resource.Read", "Resource.Write"]));
}

#[test]
fn an_error_in_the_older_format_uses_its_own_names() {
    for (from, to, expected) in [
        (
            "\"accessTokenAcceptedVersion\": 2",
            "\"accessTokenAcceptedVersion\": 3",
            "`accessTokenAcceptedVersion`: there is no such version",
        ),
        ("\"name\": \"DemoResourceApp\"", "\"name\": 7042", "`name`: expected a string"),
    ] {
        let folder = aad_graph_folder();
        let path = folder.path().join("applications/DemoResourceApp.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let error = Directory::load(folder.path(), &Environment::default()).unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("7042"), "{error}");
    }
}

#[test]
fn a_manifest_that_is_written_whole_equals_the_tenants_export() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates/entra-stand-in/directory/applications/DemoClientApp.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(folder).unwrap()).unwrap();
    assert_eq!(manifest("DemoClientApp", ManifestFormat::Graph, true), file);
    assert_eq!(manifest(CLIENT, ManifestFormat::Graph, true), file);
}

#[test]
fn members_that_only_the_server_writes_are_left_out() {
    for format in [ManifestFormat::Graph, ManifestFormat::AadGraph] {
        let new = manifest(&format!("api://{RESOURCE}"), format, false);
        for member in ["appId", "id", "createdDateTime", "publisherDomain", "passwordCredentials"] {
            assert!(new.get(member).is_none(), "{member}");
        }
        assert!(new["appRoles"][1].get("origin").is_none());
        assert_eq!(new["appRoles"][1]["value"], "Resource.Write");
    }
}

#[test]
fn the_command_writes_either_format_and_lists_the_apps_for_an_unknown_name() {
    let (code, out, _) = run(&["manifest", "DemoResourceApp", "--format", "aad-graph"], &[]);
    assert!(code == 0 && out.contains("\"accessTokenAcceptedVersion\": 2"), "{out}");
    assert_eq!(out, run(&["manifest", RESOURCE, "--format", "aad-graph"], &[]).1);
    let (code, out, error) = run(&["manifest", "Unknown"], &[]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(error.contains("DemoResourceApp") && error.lines().count() == 1, "{error}");
}

#[test]
fn an_export_without_drift_prints_nothing_in_either_format() {
    let registrations = seeded();
    for app in ["DemoResourceApp", "DemoClientApp", "OtherResourceApp"] {
        for format in [ManifestFormat::Graph, ManifestFormat::AadGraph] {
            let export = tools::manifest(&registrations, app, format, true).unwrap();
            assert_eq!(tools::drift(&registrations, "export.json", &export, None).unwrap(), []);
        }
    }
}

#[test]
fn an_app_made_elsewhere_has_another_id_and_no_drift() {
    let elsewhere = "11111111-2222-4333-8444-555555555555";
    let export = tools::manifest(&seeded(), "DemoResourceApp", ManifestFormat::Graph, true).unwrap();
    let export = export.replace(RESOURCE, elsewhere);
    assert!(
        tools::drift(&seeded(), "export.json", &export, None)
            .unwrap_err()
            .to_string()
            .contains("name the APP")
    );
    assert_eq!(tools::drift(&seeded(), "export.json", &export, Some("DemoResourceApp")).unwrap(), []);
}

#[test]
fn each_difference_is_a_line_with_both_sides_and_the_remedy() {
    type Edit = fn(&mut Value);
    let cases: [(&str, Edit, &[&str]); 10] = [
        (
            "DemoResourceApp",
            |m| m["api"]["requestedAccessTokenVersion"] = Value::Null,
            &[
                "token version: the directory has 2, the export has 1; set `api.requestedAccessTokenVersion` to 1 in applications/DemoResourceApp.json, or change the tenant",
            ],
        ),
        (
            "DemoResourceApp",
            |m| m["appRoles"][0]["isEnabled"] = json!(false),
            &[
                "app role Resource.Read, enabled: the directory has true, the export has false; set its `isEnabled` to false",
            ],
        ),
        (
            "DemoResourceApp",
            |m| m["appRoles"][0]["value"] = json!("Resource.Reed"),
            &["app role Resource.Read, value: the directory has Resource.Read, the export has Resource.Reed"],
        ),
        (
            "DemoResourceApp",
            |m| m["appRoles"][0]["id"] = json!("11111111-2222-4333-8444-555555555555"),
            &[
                "app role Resource.Read, id: the directory has c125abc9-00a9-469d-a02c-5cfffc6d2d9c, the export has 11111111",
            ],
        ),
        (
            "DemoResourceApp",
            |m| m["appRoles"][0]["allowedMemberTypes"] = json!(["User", "Application"]),
            &[
                "app role Resource.Read, member types: the directory has [Application], the export has [Application, User]",
            ],
        ),
        (
            "DemoResourceApp",
            |m| m["appRoles"].as_array_mut().unwrap().truncate(1),
            &[
                "app role Resource.Write: the directory has f8d39977-e31e-460b-b92c-9cef51d14f98, the export has none; remove it",
            ],
        ),
        (
            "DemoResourceApp",
            |m| m["identifierUris"] = json!(["api://contoso\u{7}"]),
            &[
                "identifier URI api://{appId}: the directory has it, the export has none",
                "identifier URI api://contoso : the directory has none",
            ],
        ),
        (
            "DemoResourceApp",
            |m| {
                m["optionalClaims"] =
                    json!({ "accessToken": [{ "name": "aud", "additionalProperties": ["use_guid"] }] });
            },
            &[
                "optional claim aud: the directory has none, the export has [use_guid]; add it to `optionalClaims.accessToken`",
            ],
        ),
        ("DemoClientApp", |m| m["requiredResourceAccess"][1] = json!(null), &[]),
        (
            "DemoClientApp",
            |m| m["requiredResourceAccess"][1]["resourceAccess"][0]["type"] = json!("Scope"),
            &[
                "requested permission 7b40d9c2-3e68-4f1a-95d7-c06e8a2b5f13 of e26f8b35-70d4-4c9a-b1e8-4a93d5c7f01e: the directory has Role, the export has Scope",
            ],
        ),
    ];
    for (app, edit, expected) in cases {
        let mut export = manifest(app, ManifestFormat::Graph, true);
        edit(&mut export);
        let found = tools::drift(&seeded(), "export.json", &export.to_string(), None);
        if expected.is_empty() {
            assert!(found.unwrap_err().to_string().starts_with("export.json: `requiredResourceAccess[1]`"));
            continue;
        }
        let found: Vec<String> = found.unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (line, expected) in found.iter().zip(expected) {
            assert!(line.starts_with(expected) && !line.contains(['\n', '\u{7}']), "{line}");
        }
    }
}

#[test]
fn public_clients_audiences_and_federated_credentials_are_compared() {
    let credential =
        json!([{ "name": "x", "issuer": "https://a.example", "subject": "b", "audiences": ["c"] }]);
    for (member, value, expected) in [
        (
            "isFallbackPublicClient",
            json!(true),
            "public client: the directory has false, the export has true; set `isFallbackPublicClient` to true",
        ),
        (
            "signInAudience",
            json!("AzureADMultipleOrgs"),
            "sign-in audience: the directory has AzureADMyOrg, the export has AzureADMultipleOrgs; set `signInAudience` to",
        ),
        (
            "federatedIdentityCredentials",
            credential,
            "federated credential b of https://a.example: the directory has none, the export has [c]; add it to `federated",
        ),
    ] {
        let mut export = manifest("DemoClientApp", ManifestFormat::Graph, true);
        export[member] = value;
        let found = tools::drift(&seeded(), "export.json", &export.to_string(), None).unwrap();
        assert!(found.len() == 1 && found[0].to_string().starts_with(expected), "{found:?}");
    }
}

#[test]
fn an_exported_service_principal_shows_a_missing_grant() {
    let read = "c125abc9-00a9-469d-a02c-5cfffc6d2d9c";
    let own: Vec<Value> =
        [read, "F8D39977-e31e-460b-b92c-9cef51d14f98", "7b40d9c2-3e68-4f1a-95d7-c06e8a2b5f13"]
            .iter()
            .map(|id| json!({ "appRoleId": id, "resourceDisplayName": "x" }))
            .collect();
    let export = json!({
        "appId": CLIENT, "servicePrincipalType": "Application", "accountEnabled": true,
        "appRoleAssignmentRequired": false, "appRoleAssignments": own,
    });
    let drift = |export: &Value| -> Vec<String> {
        let found = tools::drift(&seeded(), "export.json", &export.to_string(), None).unwrap();
        found.iter().map(ToString::to_string).collect()
    };
    assert_eq!(drift(&export), Vec::<String>::new());
    let mut other = export.clone();
    other["accountEnabled"] = json!(false);
    other["appRoleAssignmentRequired"] = json!(true);
    other["appRoleAssignments"][0] =
        json!({ "appRoleId": "11111111-2222-4333-8444-555555555555", "resourceDisplayName": "Mail" });
    let end = "in directory.toml, or change the tenant";
    assert_eq!(
        drift(&other),
        [
            format!("enabled: the directory has true, the export has false; set `enabled` to false {end}"),
            format!(
                "assignment required: the directory has false, the export has true; set `app_role_assignment_required` to true {end}"
            ),
            format!(
                "grant of Resource.Read of DemoResourceApp ({read}): the directory has it, the export has none; remove the `tenants.grants` entry {end}"
            ),
            format!(
                "grant of a role of Mail (11111111-2222-4333-8444-555555555555): the directory has none, the export has it; add a `tenants.grants` entry {end}"
            ),
        ]
    );
    // What was not asked for is not compared.
    other = json!({ "appId": CLIENT, "servicePrincipalType": "Application" });
    assert_eq!(drift(&other), Vec::<String>::new());
    let broken = json!({ "servicePrincipalType": "Application" }).to_string();
    assert!(tools::drift(&seeded(), "export.json", &broken, None).is_err());
}

#[test]
fn drift_exits_with_0_1_or_2() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.json").display().to_string();
    let drift = |text: &str| {
        std::fs::write(&path, text).unwrap();
        run(&["drift", &path], &[])
    };
    let export = tools::manifest(&seeded(), "DemoResourceApp", ManifestFormat::AadGraph, true).unwrap();
    assert_eq!(drift(&export), (0, String::new(), String::new()));
    let (code, out, _) = drift(&export.replace("\"isEnabled\": true", "\"isEnabled\": false"));
    assert_eq!((code, out.lines().count()), (1, 2), "{out}");
    for text in ["", "[]", "{}", "{\"appId\": 7}"] {
        let (code, out, error) = drift(text);
        assert_eq!((code, out.as_str(), error.lines().count()), (2, "", 1), "{error}");
        assert!(error.starts_with("error: "), "a one-shot command writes text: {error}");
    }
    assert_eq!(run(&["drift", "/nowhere.json"], &[]).0, 2);
}

/// Writes a fake Azure CLI that records its arguments and prints an id.
#[cfg(unix)]
fn pretend_az(folder: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let script = "#!/bin/sh\nfor argument; do printf '%s\\037' \"$argument\"; done >>\"$AZ_LOG\"\nprintf '\\036' >>\"$AZ_LOG\"\nn=$(tr -dc '\\036' <\"$AZ_LOG\" | wc -c)\necho \"id-$n\"\n";
    std::fs::write(folder.join("az"), script).unwrap();
    std::fs::set_permissions(folder.join("az"), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs a script in an empty folder; returns the arguments of its `az` calls, and the files that it left.
#[cfg(unix)]
fn run_script(script: &str, variables: &[(&str, &str)]) -> (Vec<Vec<String>>, Vec<String>) {
    let (tools, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    pretend_az(tools.path());
    let log = tools.path().join("log");
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap());
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "script", "id-1"]).current_dir(empty.path());
    let output = bash.env("PATH", path).env("AZ_LOG", &log).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = std::fs::read_to_string(log).unwrap();
    let arguments = |call: &str| call.split('\u{1f}').map(str::to_owned).collect();
    let left = std::fs::read_dir(empty.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().display().to_string()).collect();
    (calls.split_terminator('\u{1e}').map(arguments).collect(), left)
}

#[cfg(unix)]
const IDENTITIES: [(&str, &str); 2] = [("identity1_demovm", "mi-1"), ("identity2_demoidentity", "mi-2")];

#[test]
#[cfg(unix)]
fn the_script_creates_apps_roles_credentials_and_grants_with_the_new_ids() {
    let (code, script, _) = run(&["az"], &[("DEMO_CLIENT_SECRET", "canary-of-a-secret")]);
    assert_eq!(code, 0);
    assert!(!script.contains("canary") && !script.contains("development-only"), "{script}");
    let (calls, _) = run_script(&script, &IDENTITIES);
    let all: Vec<String> = calls.iter().map(|call| call.join(" ")).collect();
    let count = |text: &str| all.iter().filter(|call| call.contains(text)).count();
    assert_eq!(count("--method POST --url https://graph.microsoft.com/v1.0/applications "), 5);
    assert_eq!(count("ad sp create --id id-"), 5);
    assert_eq!(count("ad app credential reset --id id-"), 3);
    assert_eq!(count("/appRoleAssignedTo "), 7);
    assert_eq!(count("\"principalId\":\"mi-1\""), 1);
    assert_eq!(count("\"principalId\":\"mi-2\""), 2);
    // Every body is JSON, and no id of the directory's apps is left in a call.
    for call in &calls {
        let body = call.iter().skip_while(|argument| *argument != "--body").nth(1);
        let body: Option<Value> = body.map(|body| serde_json::from_str(body).unwrap());
        assert!(!call.iter().any(|argument| argument.contains(RESOURCE) || argument.contains(CLIENT)));
        if let Some(role) = body.as_ref().and_then(|body| body["appRoles"].get(0)) {
            assert!(role.get("origin").is_none() && role["id"].is_string());
        }
    }
}

#[test]
#[cfg(unix)]
fn the_script_creates_federated_credentials_and_disables_roles_after_granting_them() {
    let credentials = r#""keyCredentials": [], "isFallbackPublicClient": true, "federatedIdentityCredentials":
        [{"id": "x", "name": "kubernetes", "issuer": "https://it's.example", "subject": "a", "audiences": ["b"]}]"#;
    let folder = edited_folder(&[
        ("applications/DemoClientApp.json", "\"isFallbackPublicClient\": null,", ""),
        ("applications/DemoClientApp.json", "\"keyCredentials\": []", credentials),
        ("applications/DemoResourceApp.json", "\"isEnabled\": true", "\"isEnabled\": false"),
    ]);
    let (calls, _) = run_script(&tools::az_script(&load(folder.path()), None).unwrap(), &IDENTITIES);
    let position = |text: &str| calls.iter().rposition(|call| call.iter().any(|word| word.contains(text)));
    let after = |call: &[String], option: &str| -> Value {
        let value = call.iter().skip_while(|word| *word != option).nth(1).unwrap();
        serde_json::from_str(value).unwrap()
    };
    let federated = &calls[position("federated-credential").unwrap()];
    assert_eq!(
        after(federated, "--parameters"),
        json!({ "name": "kubernetes", "issuer": "https://it's.example", "subject": "a", "audiences": ["b"] })
    );
    let made = |name: &str| {
        calls
            .iter()
            .filter(|call| call.iter().any(|word| word.ends_with("/applications")))
            .map(|call| after(call, "--body"))
            .find(|body| body["displayName"] == name)
            .unwrap()
    };
    assert_eq!(made("DemoClientApp")["isFallbackPublicClient"], true);
    assert_eq!(made("DemoResourceApp")["appRoles"][0]["isEnabled"], true);
    let disabled = position("\"isEnabled\":false").unwrap();
    assert!(disabled > position("/appRoleAssignedTo").unwrap(), "{calls:?}");
    let roles = after(&calls[disabled], "--body");
    assert_eq!(roles["appRoles"][0]["isEnabled"], false);
    assert_eq!(roles["appRoles"].as_array().unwrap().len(), 2);
    assert!(roles["appRoles"][0].get("origin").is_none());
}

#[test]
#[cfg(unix)]
fn a_name_that_is_shell_code_stays_a_name() {
    let name = r"it's $(touch owned) `touch owned`; \\\n touch owned #";
    let escaped = serde_json::to_string(name).unwrap();
    let folder = edited_folder(&[(
        "applications/DemoClientApp.json",
        "\"displayName\": \"DemoClientApp\"",
        &format!("\"displayName\": {escaped}"),
    )]);
    let (calls, left) = run_script(&tools::az_script(&load(folder.path()), None).unwrap(), &IDENTITIES);
    assert_eq!(left, Vec::<String>::new());
    assert!(calls.iter().flatten().any(|argument| argument.contains(&escaped)));
}

#[test]
fn a_tenant_is_named_by_its_id_or_domain() {
    assert_eq!(
        tools::az_script(&seeded(), Some("contoso.com")).unwrap(),
        tools::az_script(&seeded(), None).unwrap()
    );
    assert!(tools::az_script(&seeded(), Some("fabrikam.com")).is_err());
    assert_eq!(run(&["az", "fabrikam.com"], &[]).0, 2);
}
