//! The exact output and exit code of the program for each class of failure.
//!
//! `UPDATE_GOLDEN=1 cargo test -p client-app golden` updates the files.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::process::Command;
use uuid::Uuid;

use crate::peer::{Peers, SECRET, Scripted, shows_no_canary};
use crate::raw_peer::{Behaviour, Certificate, RawPeer};
use crate::resource_client::{echoes, resource};

/// The resource in all cases.
const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// Runs the program and compares its output with the file of this name.
async fn shows(name: &str, peers: &Peers, more: &[(&str, &str)], arguments: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-app"));
    command.env_clear().envs(peers.variables()).envs(more.iter().copied()).args(arguments);
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let (printed, errors) = (text(output.stdout), text(output.stderr));
    // Log lines are not part of the contract.
    let is_promised = |line: &&str| line.starts_with("error: ");
    let errors: String = errors.split_inclusive('\n').filter(is_promised).collect();
    let code = output.status.code().unwrap();
    let shown = format!(
        "$ client-app {}\nexit code: {code}\n-- stdout\n{printed}-- stderr\n{errors}",
        arguments.join(" ")
    );
    shows_no_canary(&shown);
    let shown = normalised(&shown, peers);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/golden").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &shown).unwrap();
    }
    assert_eq!(shown, std::fs::read_to_string(&file).unwrap_or_default(), "{}", file.display());
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Replaces ids and addresses, which differ between runs.
fn normalised(text: &str, peers: &Peers) -> String {
    let authority = peers.authority.url.split_once("://").unwrap().1;
    let resource = peers.resource.url.split_once("://").unwrap().1;
    let folder = peers.folder().display().to_string();
    let text =
        text.replace(authority, "<authority>").replace(resource, "<resource>").replace(&folder, "<folder>");
    let is_id = |word: &str| word != ID && (Uuid::parse_str(word).is_ok());
    let mut line = String::new();
    let mut word = String::new();
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '-' {
            word.push(c);
            continue;
        }
        line.push_str(if is_id(&word) { "<id>" } else { &word });
        word.clear();
        line.push(c);
    }
    line + &word
}

fn problem(status: u16, code: &str, detail: &str) -> Scripted {
    let body = json!({"type": "about:blank", "status": status, "title": "x", "code": code, "detail": detail});
    Scripted::new(status, body.to_string()).header("content-type", "application/problem+json")
}

#[tokio::test]
async fn what_succeeds_has_a_stable_schema() {
    let peers = Peers::start().await;
    let id: Uuid = ID.parse().unwrap();
    let one = |status| Scripted::json(status, resource(id).to_string()).header("etag", "\"1\"");
    let page = json!({"items": [resource(id)], "next": "c"}).to_string();
    peers.resource.answers(Scripted::json(200, page)).answers(one(200)).answers(one(201));
    shows("page", &peers, &[], &["read"]).await;
    shows("resource", &peers, &[], &["read", ID]).await;
    shows("written", &peers, &[], &["write", "--name", "first", "--content", "{}"]).await;
}

#[tokio::test]
async fn what_the_authority_refuses_or_fails_at() {
    let refusal = |code: u32| {
        let text = format!("AADSTS{code}: '{SECRET}' is not it.\r\nTrace ID: x");
        let error = if code == 7000215 { "invalid_client" } else { "invalid_resource" };
        Scripted::json(
            400,
            json!({"error": error, "error_description": text, "error_codes": [code]}).to_string(),
        )
    };
    let cases = [
        ("credential-refused", refusal(7000215)),
        ("configuration-refused", refusal(500011)),
        ("throttled", Scripted::new(429, "Too Many Requests").header("retry-after", "60")),
        ("authority-unavailable", Scripted::new(503, "<html>").header("retry-after", "60")),
        ("authority-malformed", Scripted::json(200, "{}")),
    ];
    for (name, scripted) in cases {
        let peers = Peers::start().await;
        peers.authority.otherwise_answers(move |_| scripted.clone());
        shows(name, &peers, &[], &["read"]).await;
    }
}

#[tokio::test]
async fn an_authority_that_is_not_trusted() {
    let (peers, other) = (Peers::start().await, RawPeer::start(Behaviour::IsSilent, Certificate::Good).await);
    let ca = peers.folder().join("other.pem");
    std::fs::write(&ca, other.ca_pem).unwrap();
    shows("authority-untrusted", &peers, &[("HTTP_CLIENT__CA_FILE", ca.to_str().unwrap())], &["read"]).await;
}

#[tokio::test]
async fn what_the_resource_refuses_or_fails_at() {
    let challenge = r#"Bearer error="invalid_token", error_description="The token is for another audience.""#;
    let cases = [
        ("token-refused", problem(401, "token_invalid", "No.").header("www-authenticate", challenge)),
        ("role-missing", problem(403, "role_missing", "The token lacks the role Resource.Read.")),
        ("not-found", problem(404, "resource_not_found", "There is no such resource.")),
        ("resource-busy", problem(503, "starting", "Soon.").header("retry-after", "60")),
        ("resource-failed", Scripted::new(500, "<html>")),
        ("resource-malformed", Scripted::json(200, "{}")),
    ];
    for (name, scripted) in cases {
        let peers = Peers::start().await;
        peers.resource.otherwise_answers(move |_| scripted.clone());
        shows(name, &peers, &[], &["read"]).await;
    }
    let peers = Peers::start().await;
    // A reserved port (RFC 6335 section 6) without a listener.
    shows("resource-unreachable", &peers, &[("RESOURCE__BASE_URL", "http://127.0.0.1:1")], &["read"]).await;
    let url = peers.resource.url.replace("http://", "https://");
    shows("wrong-scheme", &peers, &[("RESOURCE__BASE_URL", &url)], &["read"]).await;
}

#[tokio::test]
async fn a_token_that_the_resource_echoes_is_not_printed() {
    let peers = Peers::start().await;
    peers.resource.otherwise_answers(echoes(404));
    shows("echo", &peers, &[], &["read"]).await;
}

#[tokio::test]
async fn what_cannot_be_used() {
    let peers = Peers::start().await;
    shows("no-secret", &peers, &[("AZURE_AD__CLIENT_SECRET", "")], &["read"]).await;
    shows("malformed-setting", &peers, &[("AZURE_TENANT_ID", "common")], &["token"]).await;
    shows("malformed-content", &peers, &[], &["write", "--name", "n", "--content", "{"]).await;
}
