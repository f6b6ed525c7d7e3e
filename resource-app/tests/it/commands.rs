use std::path::Path;

use serde_json::{Value, json};

use crate::program::{run, stderr};

const REGISTRATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../crates/entra-stand-in/directory/applications/DemoResourceApp.json"
);

fn stdout(arguments: &[&str], variables: &[(&str, &str)], code: i32) -> String {
    let output = run(arguments, variables);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_app_roles_are_those_of_the_stand_ins_registration() {
    let registration: Value = serde_json::from_str(&std::fs::read_to_string(REGISTRATION).unwrap()).unwrap();
    let mut registered = registration["appRoles"].clone();
    for role in registered.as_array_mut().unwrap() {
        // Only Entra writes this member.
        role.as_object_mut().unwrap().remove("origin");
    }
    let printed: Value = serde_json::from_str(&stdout(&["manifest"], &[], 0)).unwrap();
    assert_eq!(printed, registered);
    assert_eq!(stdout(&["manifest", "--check", REGISTRATION], &[], 0), "");
}

#[test]
fn a_registration_that_differs_is_named_difference_by_difference() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("exported.json");
    let check = |exported: &Value, code| {
        std::fs::write(&file, exported.to_string()).unwrap();
        stdout(&["manifest", "--check", file.to_str().unwrap()], &[], code)
    };
    let mut registration: Value =
        serde_json::from_str(&std::fs::read_to_string(REGISTRATION).unwrap()).unwrap();
    registration["appRoles"][0]["isEnabled"] = false.into();
    registration["appRoles"][1]["value"] = "Resource.Wirte".into();
    let differences = check(&registration, 1);
    assert_eq!(differences.lines().count(), 2, "{differences}");
    for expected in [
        "app role Resource.Read, enabled: this API has true, the manifest has false; set its `isEnabled` to true",
        "app role Resource.Write, value: this API has Resource.Write, the manifest has Resource.Wirte; set its `value`",
    ] {
        assert!(differences.contains(expected), "{differences}");
    }
    let missing = check(&json!({ "appRoles": [] }), 1);
    assert_eq!(missing.lines().count(), registration["appRoles"].as_array().unwrap().len(), "{missing}");
    let output = run(&["manifest", "--check", "/nowhere.json"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("/nowhere.json"), "{}", stderr(&output));
    assert_eq!(check(&json!({}), 2), "");
}

#[test]
fn the_routes_are_printed_with_what_guards_them() {
    let app = "AppOnly, ConfidentialClient";
    let expected = format!(
        "\
GET    /api/resources       ReadPolicy     Resource.Read   {app}, Resource.Read
POST   /api/resources       WritePolicy    Resource.Write  {app}, Resource.Write
GET    /api/resources/{{id}}  ReadPolicy     Resource.Read   {app}, Resource.Read
PUT    /api/resources/{{id}}  WritePolicy    Resource.Write  {app}, Resource.Write
                            OwnerPolicy    -               Target
DELETE /api/resources/{{id}}  WritePolicy    Resource.Write  {app}, Resource.Write
                            OwnerPolicy    -               Target
GET    /api/caller          DefaultPolicy  -               {app}
GET    /health/live         open
GET    /health/ready        open
GET    /openapi.json        open
GET    /docs                open
"
    );
    // Compared with single spaces, since columns are as wide as their longest value.
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let printed: Vec<_> = stdout(&["routes"], &[], 0).lines().map(words).collect();
    let mut rest = printed.iter();
    for line in expected.lines().map(words) {
        assert!(rest.any(|it| *it == line), "{line}: {printed:?}");
    }
    // More guarded routes are fine, more open ones are not.
    let open = |line: &&String| line.ends_with(" open");
    assert_eq!(printed.iter().filter(open).count(), expected.matches(" open").count(), "{printed:?}");
}

#[test]
fn the_routes_show_what_the_settings_demand() {
    let folder = tempfile::tempdir().unwrap();
    let file = with_clients(folder.path(), "policies = [\"ReadPolicy\"]");
    let variables = [
        ("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true"),
        ("AUTHORIZATION__ONLY_CREATOR_CHANGES", "true"),
        ("AUTHORIZATION__REPORT_ONLY", "only_creator_changes, clients"),
    ];
    let json = stdout(&["--settings", &file, "routes", "--json"], &variables, 0);
    let table: Value = serde_json::from_str(&json).unwrap();
    let put = table.as_array().unwrap().iter().find(|route| route["method"] == "PUT").unwrap();
    let expected = json!({
        "method": "PUT",
        "path": "/api/resources/{id}",
        "guards": [
            {
                "policy": "WritePolicy",
                "on_resource": false,
                "roles": ["Resource.Write"],
                "requirements": [
                    "AppOnly", "ConfidentialClient", "Resource.Write", "ListedClient (report only)",
                    "CertificateCredential",
                ],
            },
            {
                "policy": "OwnerPolicy",
                "on_resource": true,
                "roles": [],
                "requirements": ["Target", "Creator (report only)"],
            },
        ],
    });
    assert_eq!(*put, expected);
}

#[test]
fn demands_that_cannot_be_met_prevent_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let twice = "policies = [\"ReadPolicy\"]\n[[authorization.clients]]\n\
        client_id = \"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813\"\nname = \"b\"\npolicies = [\"ReadPolicy\"]";
    for (client, expected) in [
        ("policies = [\"RaedPolicy\"]", "must be one of "),
        ("policies = [\"OwnerPolicy\"]", "`authorization.clients`"),
        ("policies = []", "`authorization.clients`"),
        ("policy = \"ReadPolicy\"", "unknown key `authorization.clients[0].policy`"),
        (twice, "number 2 is listed before"),
    ] {
        let file = with_clients(folder.path(), client);
        for command in ["serve", "routes"] {
            let output = run(&["--settings", &file, command], &[]);
            assert_eq!(output.status.code(), Some(2));
            let text = stderr(&output);
            assert!(text.contains(expected) && text.lines().count() == 1, "{text}");
        }
    }
}

/// Writes a settings file with one listed client.
fn with_clients(folder: &Path, client: &str) -> String {
    let defaults = include_str!("../../settings.toml");
    let listed = format!(
        "[[authorization.clients]]\nclient_id = \"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813\"\nname = \"a\"\n{client}\n"
    );
    let file = folder.join("settings.toml");
    std::fs::write(&file, format!("{defaults}\n{listed}")).unwrap();
    file.to_str().unwrap().to_owned()
}
