//! The program: arguments, output and exit codes.

use std::io::Write;
use std::process::{Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use client_app::ClientApp;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::peer::{Peers, SECRET, Scripted, TOKEN, shows_no_canary};
use crate::raw_peer::{Behaviour, Certificate, RawPeer};
use crate::resource_client::resource;

fn command(variables: impl IntoIterator<Item = (&'static str, String)>, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-app"));
    command.env_clear().envs(variables).env("RUST_LOG", "trace").args(arguments).stdin(Stdio::null());
    command
}

pub(crate) async fn run(peers: &Peers, arguments: &[&str]) -> Output {
    command(peers.variables(), arguments).output().await.unwrap()
}

/// Returns the exit code, standard output and final error of the program, after checking them for canaries.
pub(crate) fn ended(output: &Output) -> (i32, String, String) {
    let errors = String::from_utf8(output.stderr.clone()).unwrap();
    shows_no_canary(&errors);
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    (output.status.code().unwrap(), printed, final_error(&errors).unwrap_or_default())
}

/// Returns the program's final error: text of a one-shot command, or a log event of the service.
///
/// Tasks that end with the runtime may still log after it.
fn final_error(errors: &str) -> Option<String> {
    errors.lines().rev().find_map(|line| {
        let Ok(event) = serde_json::from_str::<Value>(line) else {
            return line.strip_prefix("error: ").map(str::to_owned);
        };
        let is_final = event["target"] == "http_shell::process" && event["level"] == "ERROR";
        is_final.then(|| event["message"].as_str().unwrap().to_owned())
    })
}

#[tokio::test]
async fn a_page_and_a_resource_are_printed_as_json() {
    let (peers, id) = (Peers::start().await, Uuid::now_v7());
    peers
        .resource
        .answers(Scripted::json(200, r#"{"items": []}"#))
        .answers(Scripted::json(200, resource(id).to_string()).header("etag", "\"1\""));
    let (code, page, _) = ended(&run(&peers, &["read", "--limit", "3", "--after", "x"]).await);
    assert_eq!((code, serde_json::from_str::<Value>(&page).unwrap()), (0, json!({"items": []})));
    let (code, one, _) = ended(&run(&peers, &["read", &id.to_string()]).await);
    let one: Value = serde_json::from_str(&one).unwrap();
    assert_eq!((code, &one["etag"], &one["id"]), (0, &json!("\"1\""), &json!(id)));
    assert_eq!(peers.resource.asked()[0].target, "/api/resources?limit=3&after=x");
}

#[tokio::test]
async fn content_comes_from_the_argument_a_file_or_standard_input() {
    let (peers, id) = (Peers::start().await, Uuid::now_v7());
    for _ in 0..2 {
        peers.resource.answers(Scripted::json(201, resource(id).to_string()));
    }
    peers.resource.answers(Scripted::json(200, resource(id).to_string()));
    let file = peers.folder().join("content.json");
    std::fs::write(&file, "[2]").unwrap();
    let file = format!("@{}", file.display());

    let from_file = ["write", "--name", "n", "--content", &file, "--idempotency-key", "k"];
    assert_eq!(ended(&run(&peers, &from_file).await).0, 0);
    let mut piped = command(peers.variables(), &["write", "--name", "n", "--content", "-"]);
    let mut child = piped.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = std::fs::File::from(child.stdin.take().unwrap().into_owned_fd().unwrap());
    input.write_all(b"[3]").unwrap();
    drop(input);
    assert!(child.wait().await.unwrap().success());
    let id = id.to_string();
    let replace = ["write", "--name", "n", "--content", "-4", "--id", &id, "--if-match", "\"1\""];
    assert_eq!(ended(&run(&peers, &replace).await).0, 0);

    let asked = peers.resource.asked();
    let sent: Vec<Value> = asked
        .iter()
        .map(|asked| serde_json::from_str::<Value>(&asked.body).unwrap()["content"].clone())
        .collect();
    assert_eq!(sent, [json!([2]), json!([3]), json!(-4)]);
    assert_eq!(asked[0].headers["idempotency-key"], "k");
    assert_eq!((asked[2].method.as_str(), &asked[2].headers["if-match"]), ("PUT", &"\"1\"".parse().unwrap()));
}

#[tokio::test]
async fn a_token_is_explained_and_printed_only_when_asked_for_raw() {
    let peers = Peers::start().await;
    let payload = BASE64_URL_SAFE_NO_PAD.encode(r#"{"ver":"2.0","roles":["Resource.Read"],"aud":"x"}"#);
    let jwt = format!("canary.{payload}.canary");
    let body = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"{jwt}"}}"#);
    peers.authority.answers(Scripted::json(200, body));
    let (code, explained, _) = ended(&run(&peers, &["token"]).await);
    shows_no_canary(&explained);
    let explained: Value = serde_json::from_str(&explained).unwrap();
    assert_eq!(
        (code, &explained["version"], &explained["roles"]),
        (0, &json!("2.0"), &json!(["Resource.Read"]))
    );
    assert_eq!(explained["claims"]["aud"], "x");
    assert!(explained["note"].as_str().unwrap().contains("not verified"));
    assert!(explained["expires_at"].is_string());
    assert_eq!(ended(&run(&peers, &["token", "--raw"]).await), (0, format!("{TOKEN}\n"), String::new()));
}

#[tokio::test]
async fn a_failure_is_one_paragraph_with_code_remedy_and_correlation_id() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::json(
        401,
        format!(
            r#"{{"error":"invalid_client","error_description":"AADSTS7000215: '{SECRET}'","error_codes":[7000215]}}"#
        ),
    ));
    let (code, output, error) = ended(&run(&peers, &["read"]).await);
    assert_eq!((code, output.as_str()), (1, ""));
    for expected in ["AADSTS7000215", "Use the secret's value, not its id", "Correlation id "] {
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_refused_certificate_is_reported_once_without_the_verifiers_own_line() {
    let peers = Peers::start().await;
    let other = RawPeer::start(Behaviour::IsSilent, Certificate::Good).await;
    let ca = peers.folder().join("other.pem");
    std::fs::write(&ca, &other.ca_pem).unwrap();
    let mut command = command(peers.variables(), &["token"]);
    command.env_remove("RUST_LOG").env("HTTP_CLIENT__CA_FILE", &ca);
    let output = command.output().await.unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("certificate") && !errors.contains("rustls_platform_verifier"), "{errors}");
}

#[tokio::test]
async fn unusable_settings_and_arguments_exit_with_2_and_one_line() {
    let peers = Peers::start().await;
    let with = |name: &'static str, value: &str| {
        let mut variables = peers.variables();
        variables.push((name, value.to_owned()));
        variables
    };
    let without_secret: Vec<_> =
        peers.variables().into_iter().filter(|(name, _)| *name != "AZURE_AD__CLIENT_SECRET").collect();
    let mut unreadable_secret = without_secret.clone();
    unreadable_secret.push(("AZURE_AD__CLIENT_SECRET_FILE", "/nowhere/secret".to_owned()));
    let mut unreadable_certificate = with("SERVER__TLS__CERTIFICATE_FILE", "/nowhere/certificate.pem");
    unreadable_certificate.push(("SERVER__TLS__PRIVATE_KEY_FILE", "/nowhere/key.pem".to_owned()));
    let cases = [
        (without_secret, "serve", "AZURE_AD__CLIENT_SECRET_FILE"),
        (unreadable_secret.clone(), "serve", "azure_ad.client_secret_file"),
        (unreadable_secret, "read", "azure_ad.client_secret_file"),
        (with("RESOURCE__BASE_URL", "http://api.contoso.com"), "read", "resource.allow_plain_http"),
        (with("HTTP_CLIENT__CA_FILE", "/nowhere/ca.pem"), "token", "http_client.ca_file"),
        (with("SERVER__TLS__CERTIFICATE_FILE", "/nowhere"), "serve", "server.tls"),
        (unreadable_certificate, "serve", "server.tls.certificate_file"),
    ];
    for (variables, verb, expected) in cases {
        let (code, output, error) = ended(&command(variables, &[verb]).output().await.unwrap());
        assert_eq!((code, output.as_str()), (2, ""), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    for arguments in
        [&["nonsense"][..], &["read", "x"], &["token", "--secret", "x"], &["--settings", "/nowhere", "read"]]
    {
        assert_eq!(ended(&run(&peers, arguments).await).0, 2, "{arguments:?}");
    }
    let (code, _, error) = ended(&run(&peers, &["write", "--name", "n", "--content", "{"]).await);
    assert_eq!((code, error.as_str()), (2, "`--content`: not JSON (line 1, column 1)"));
    assert!(peers.authority.asked().is_empty());
}

#[tokio::test]
async fn the_error_of_a_one_shot_command_is_text_even_without_a_terminal() {
    let peers = Peers::start().await;
    let mut variables = peers.variables();
    variables.push(("AZURE_TENANT_ID", "x".to_owned()));
    for arguments in [
        &["read"][..],
        &["write", "--name", "n", "--content", "1"],
        &["token"],
        &["doctor"],
        &["healthcheck"],
    ] {
        let output = command(variables.clone(), arguments).output().await.unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.starts_with("error: `azure_ad.tenant_id` (variable AZURE_TENANT_ID)"), "{errors}");
        assert!(errors.lines().count() == 1 && !errors.contains('\u{1b}'), "{errors}");
    }
}

#[tokio::test]
async fn a_service_that_cannot_start_logs_its_error_as_json() {
    let peers = Peers::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (name, value, code) in
        [("SERVER__LISTEN", address.as_str(), 1), ("AZURE_TENANT_ID", "x", 2), ("AZURE_CLIENT_SECRET", "", 2)]
    {
        let mut variables = peers.variables();
        variables.retain(|(known, _)| name != "AZURE_CLIENT_SECRET" || !known.contains("CLIENT_SECRET"));
        variables.push((name, value.to_owned()));
        let output = command(variables, &["serve"]).output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{name}");
        let errors = String::from_utf8(output.stderr).unwrap();
        let events: Vec<Value> = errors
            .lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{name}: {line}")))
            .collect();
        for event in &events {
            assert!(event["level"].is_string() && event["message"].is_string(), "{name}: {event}");
            assert!(event["timestamp"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{event}");
        }
        assert_eq!(events.last().unwrap()["level"], "ERROR", "{name}");
    }
}

#[tokio::test]
async fn a_health_check_asks_the_running_service() {
    let peers = Peers::start().await;
    let app = ClientApp::bind(peers.settings()).await.unwrap();
    let port = app.url().rsplit(':').next().unwrap().to_owned();
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(app.run(shutdown.clone()));
    let check = async || {
        let mut variables = peers.variables();
        variables.push(("SERVER__LISTEN", format!("127.0.0.1:{port}")));
        ended(&command(variables, &["healthcheck"]).output().await.unwrap()).0
    };
    peers.authority.answers(Scripted::new(503, "")).answers(Scripted::new(503, ""));
    assert_eq!(check().await, 1);
    assert_eq!(check().await, 0);
    shutdown.cancel();
    running.await.unwrap();
    assert_eq!(check().await, 1);
}

#[tokio::test]
async fn help_shows_examples_for_every_command() {
    let peers = Peers::start().await;
    for verb in ["", "serve", "read", "write", "token", "doctor", "healthcheck"] {
        let arguments: Vec<&str> = [verb, "--help"].into_iter().filter(|text| !text.is_empty()).collect();
        let (code, help, _) = ended(&run(&peers, &arguments).await);
        assert!(code == 0 && help.contains("Examples:") && help.contains("--settings"), "{help}");
    }
}

#[tokio::test]
async fn a_passwords_file_that_holds_no_password_is_not_read_to_its_end() {
    let peers = Peers::start().await;
    let file = peers.folder().join("password");
    std::fs::write(&file, "canary".repeat(1000)).unwrap();
    let certificate =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/entra-token/tests/certificates/modern.pfx");
    let mut variables = peers.variables();
    variables.extend([
        ("AZURE_AD__CREDENTIAL__KIND", "certificate".to_owned()),
        ("AZURE_AD__CREDENTIAL__FILE", certificate.to_owned()),
        ("AZURE_AD__CREDENTIAL__PASSWORD_FILE", file.display().to_string()),
    ]);
    let (code, _, error) = ended(&command(variables, &["token"]).output().await.unwrap());
    assert!(code == 2 && error.ends_with("password: is larger than 4096 bytes"), "{error}");
}
