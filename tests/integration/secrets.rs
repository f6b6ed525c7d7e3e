//! No output shows a secret or a token, whatever the log level.

use demo::system::System;
use serde_json::json;
use tests::World;
use tests::program::{self, Server};

use crate::shutdown::entra_stand_in;

/// Runs the client-app with everything logged; returns its exit code, standard output and standard error.
fn client_app(system: &System, arguments: &[&str], secret: &str) -> (Option<i32>, String, String) {
    let output = program::run("client-app", arguments, &client_variables(system, secret));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn client_variables(system: &System, secret: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AZURE_AD__INSTANCE", system.authority().instance().to_string()),
        ("HTTP_CLIENT__CA_FILE", system.ca_file().display().to_string()),
        ("RESOURCE__BASE_URL", system.resource_url().to_string()),
        ("AZURE_CLIENT_SECRET", secret.to_owned()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("RUST_LOG", "trace".into()),
    ]
}

/// A token's signature, which makes the token usable and appears in no other text.
fn signature(token: &str) -> &str {
    token.trim().rsplit('.').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_app_prints_its_token_only_when_asked_and_its_secret_never() {
    let world = World::start().await;
    let secret = demo::system::DEMO_CLIENT_SECRET;
    let (code, raw, log) = client_app(&world.system, &["token", "--raw"], secret);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(raw.trim().split('.').count(), 3);
    assert!(!log.contains(signature(&raw)) && !log.contains(secret), "{log}");

    for arguments in [&["token"][..], &["read"], &["write", "--name", "x", "--content", "1"]] {
        let (code, shown, log) = client_app(&world.system, arguments, secret);
        assert_eq!(code, Some(0), "{arguments:?}: {log}");
        for text in [&shown, &log] {
            assert!(!text.contains(secret) && !text.contains("eyJ"), "{arguments:?}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_is_explained_without_being_shown() {
    let world = World::start().await;
    let (code, shown, log) = client_app(&world.system, &["read"], "canary+secret&4711");
    assert_eq!(code, Some(1));
    assert!(log.contains("AADSTS7000215"), "{log}");
    for text in [shown, log] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_services_log_no_token_and_no_secret() {
    let world = World::start().await;
    let secret = demo::system::DEMO_CLIENT_SECRET;
    let folder = tempfile::tempdir().unwrap();
    let authority = entra_stand_in(folder.path());
    let variables = [
        ("AZURE_AD__INSTANCE", authority.url().to_owned()),
        ("HTTP_CLIENT__CA_FILE", folder.path().join("ca.pem").display().to_string()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
        ("RUST_LOG", "trace".into()),
    ];
    let resource = Server::start("resource-app", &["serve"], &variables);
    let mut variables = client_variables(&world.system, secret);
    variables.extend([
        ("AZURE_AD__INSTANCE", authority.url().to_owned()),
        ("HTTP_CLIENT__CA_FILE", folder.path().join("ca.pem").display().to_string()),
        ("RESOURCE__BASE_URL", resource.url().to_owned()),
    ]);
    let client = Server::start("client-app", &["serve"], &variables);
    let body = json!({ "name": "x", "content": 1 });
    let created =
        world.http.post(format!("{}/api/resources", client.url())).json(&body).send().await.unwrap();
    assert_eq!(created.status(), 201);
    let token = program::run("client-app", &["token", "--raw"], &variables);
    let token = String::from_utf8(token.stdout).unwrap();
    let url = format!("{}/api/resources", resource.url());
    let query = world.http.get(format!("{url}?access_token=canary-4711"));
    assert_eq!(query.send().await.unwrap().status(), 401);
    let forged = world.http.get(url).header("Authorization", format!("Bearer {}x", token.trim()));
    assert_eq!(forged.send().await.unwrap().status(), 401);

    for server in [client, resource, authority] {
        let (_, log) = server.terminate();
        assert!(log.contains("serving"), "{log}");
        for canary in [secret, signature(&token), "canary-4711", "eyJ"] {
            let line = log.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{canary}");
        }
    }
}

/// A token in the form of Entra's, whose signature is the canary.
const TOKEN: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4IiwiaXNzIjoieSIsInJvbGVzIjpbXX0.canary-4711-canary-4711";

/// Every command of every program, with arguments before the one that is tested.
const COMMANDS: [(&str, &[&[&str]]); 4] = [
    (
        "resource-app",
        &[
            &[],
            &["serve"],
            &["explain"],
            &["explain", "--json"],
            &["healthcheck"],
            &["routes"],
            &["manifest"],
        ],
    ),
    (
        "client-app",
        &[
            &[],
            &["serve"],
            &["read"],
            &["write", "--name", "n", "--content", "1"],
            &["token"],
            &["doctor"],
            &["healthcheck"],
        ],
    ),
    (
        "authority-app",
        &[
            &[],
            &["serve"],
            &["healthcheck"],
            &["attack"],
            &["explain"],
            &["manifest"],
            &["az"],
            &["drift"],
            &["hash-secret"],
        ],
    ),
    ("demo", &[&["--once"]]),
];

/// Options that take a value, a file's name or another, of any command.
const OPTIONS: [&str; 12] = [
    "--settings",
    "--check",
    "--ca-out",
    "--issue",
    "--format",
    "--limit",
    "--after",
    "--id",
    "--if-match",
    "--needs",
    "--idempotency-key",
    "--no-such-option",
];

/// Asserts that a program ends with 2 and shows nothing of this argument.
fn ends_with_2(name: &str, before: &[&str], arguments: &[&str]) {
    let arguments = [before, arguments].concat();
    let output = program::run::<&str>(name, &arguments, &[]);
    let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(2), "{name} {arguments:?}: {shown}");
    for canary in ["canary", "eyJ", "PRIVATE"] {
        assert!(!shown.contains(canary), "{name} {arguments:?}: {shown}");
    }
}

#[test]
fn a_token_or_a_key_as_an_argument_ends_every_command_with_2_and_is_not_shown() {
    let (header, _) = TOKEN.split_once('.').unwrap();
    for (name, commands) in COMMANDS {
        for before in commands {
            for argument in [TOKEN, header, "-----BEGIN PRIVATE KEY-----canary"] {
                ends_with_2(name, before, &[argument]);
            }
            ends_with_2(name, before, &["--", TOKEN]);
        }
        // An option of another command is refused as well, by clap.
        let last = commands.last().unwrap();
        for option in OPTIONS {
            ends_with_2(name, last, &[option, TOKEN]);
            ends_with_2(name, last, &[&format!("{option}={TOKEN}")]);
        }
    }
    for file in [format!("@{TOKEN}"), format!("/nowhere/{TOKEN}"), format!("{TOKEN}.txt")] {
        ends_with_2("authority-app", &["explain"], &[&file]);
        ends_with_2("resource-app", &["explain"], &[&file]);
    }
    ends_with_2("authority-app", &["--issue"], &[&format!("resource={TOKEN}")]);
    ends_with_2("client-app", &["write", "--name", "n", "--content"], &[&format!("{{\"x\": \"{TOKEN}\"}}")]);
}

#[test]
fn an_unexpected_secret_is_not_shown_by_the_error_of_the_command_line() {
    for (name, commands) in COMMANDS {
        for before in commands
            .iter()
            .filter(|before| !matches!(before[..], ["explain", ..] | ["manifest" | "az" | "drift"]))
        {
            ends_with_2(name, before, &["canary-4711", "canary-4712"]);
        }
    }
    ends_with_2("client-app", &["read", "--limit"], &["canary"]);
    ends_with_2("client-app", &["read"], &["canary"]);
    ends_with_2("client-app", &["doctor", "--needs"], &["canary canary"]);
    ends_with_2("authority-app", &["manifest", "x", "--format"], &["canary"]);
    ends_with_2("authority-app", &["--issue"], &["canary"]);
}

#[test]
fn the_list_of_commands_is_complete() {
    for (name, commands) in COMMANDS {
        let help = String::from_utf8(program::run::<&str>(name, &["--help"], &[]).stdout).unwrap();
        let listed = help.split("Commands:\n").nth(1).unwrap_or_default();
        for line in
            listed.lines().take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   "))
        {
            let command = line.split_whitespace().next().unwrap();
            let is_listed = commands.iter().any(|before| before.first() == Some(&command));
            assert!(is_listed || command == "help", "{name} {command}");
        }
    }
}

#[test]
fn a_token_that_a_variable_names_as_a_file_is_not_shown() {
    let secret = ("AZURE_CLIENT_SECRET", "x");
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("resource-app", &[("HTTP_CLIENT__CA_FILE", TOKEN)]),
        ("resource-app", &[("STORE__URL", concat!("sqlite:///dev/null/", "eyJ0eXAiOiJKV1QiLCJhbGci"))]),
        (
            "resource-app",
            &[("SERVER__TLS__CERTIFICATE_FILE", TOKEN), ("SERVER__TLS__PRIVATE_KEY_FILE", TOKEN)],
        ),
        ("client-app", &[secret, ("HTTP_CLIENT__CA_FILE", TOKEN)]),
        ("client-app", &[("AZURE_AD__CLIENT_SECRET_FILE", TOKEN)]),
        ("client-app", &[("AZURE_FEDERATED_TOKEN_FILE", TOKEN)]),
        ("client-app", &[("AZURE_CLIENT_CERTIFICATE_PATH", TOKEN)]),
        ("authority-app", &[("DIRECTORY__FOLDER", TOKEN)]),
        ("authority-app", &[("HTTP_CLIENT__CA_FILE", TOKEN)]),
    ];
    for (name, variables) in cases {
        let free = [("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")];
        let variables: Vec<_> = if name == "authority-app" {
            [&free[..1], &[("ADMIN__LISTEN", "off")], variables].concat()
        } else {
            [&free[..], variables].concat()
        };
        let output = program::run(name, &["serve"], &variables);
        let shown = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name} {variables:?}: {shown}");
        assert!(!shown.contains("canary") && !shown.contains("eyJ"), "{name} {variables:?}: {shown}");
    }
}
