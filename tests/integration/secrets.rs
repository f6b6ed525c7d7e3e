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
