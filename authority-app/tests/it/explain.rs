//! Explains codes and tokens, through the library and the command.

use std::io::Write;
use std::process::{Output, Stdio};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::ids::ClientId;
use entra_shared::settings::Environment;
use entra_stand_in::{MintRequest, Registrations};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

use crate::directories::edited_folder;
use crate::program::program;
use crate::world::{CLIENT, OTHER, RESOURCE, SECRET, TENANT, UNGRANTED, UNGRANTED_SECRET, World};

fn registrations() -> Registrations {
    Registrations::seeded(&Environment::default()).unwrap()
}

/// The explanation's text, and whether it finds no fault.
fn explain(registrations: &Registrations, token: &str) -> (String, bool) {
    let explanation = registrations.explain(token, Timestamp::now()).unwrap();
    (explanation.to_string(), explanation.is_fine())
}

fn mint(world: &World, claims: &[(&str, Value)]) -> String {
    let mut request = MintRequest::new(ClientId::parse(CLIENT).unwrap(), format!("api://{RESOURCE}"));
    for (name, value) in claims {
        request = request.claim(*name, value.clone());
    }
    world.authority.mint(&request).unwrap().expose().to_owned()
}

#[tokio::test]
async fn a_regular_token_passes_every_check_and_its_signature_is_not_shown() {
    let world = World::new().await;
    for resource in [RESOURCE, OTHER] {
        let token = world.token(CLIENT, SECRET, &format!("api://{resource}")).await;
        let (text, fine) = explain(&registrations(), &format!("Bearer {token}\n"));
        assert!(fine && !text.contains("FAIL"), "{text}");
        assert!(text.contains("DemoClientApp") && text.contains("the client's application id"), "{text}");
        assert!(!text.contains(token.rsplit('.').next().unwrap()), "{text}");
    }
}

#[tokio::test]
async fn each_wrong_claim_fails_its_check_with_a_remedy() {
    let world = World::new().await;
    let unknown = "00000000-0000-0000-0000-00000000000a";
    let now = Timestamp::now().as_second();
    let path = format!("https://evil.example/a/b/{TENANT}/v2.0");
    let cases: [(&[(&str, Value)], &str); 26] = [
        (&[("tid", json!(unknown))], "FAIL  tenant    the directory has no tenant"),
        (&[("iss", json!("https://localhost/x/v2.0"))], "FAIL  issuer    `https://localhost/x/v2.0` is not"),
        (&[("aud", json!("api://unknown"))], "FAIL  audience  `api://unknown` is no app of the tenant"),
        (&[("aud", json!(format!("api://{RESOURCE}")))], "this is a v2.0 token"),
        (&[("ver", json!("1.0"))], "FAIL  version   1.0, and the resource asks for 2.0"),
        (&[("azp", json!(unknown))], "FAIL  client    the tenant has no app"),
        (&[("appid", json!(CLIENT))], "FAIL  client    `appid` is not a claim of a 2.0 token"),
        (&[("oid", json!(unknown)), ("sub", json!(unknown))], "`oid` is not the object id of DemoClientApp"),
        (&[("scp", json!("access_as_user"))], "FAIL  app-only  `scp` is there"),
        (&[("sub", json!("pairwise"))], "FAIL  app-only  `sub` is not `oid`"),
        (&[("idtyp", json!("user"))], "FAIL  app-only  `idtyp` is `user`"),
        (&[("roles", json!("Resource.Read"))], "FAIL  roles     `roles` is no list of texts"),
        (
            &[("roles", json!(["Resource.Own"]))],
            "Resource.Own in the token, and not granted to DemoClientApp",
        ),
        (
            &[("roles", json!(["Resource.Read"]))],
            "Resource.Write granted to DemoClientApp, and not in the token",
        ),
        (&[("exp", json!(1))], "FAIL  times     expired "),
        (&[("nbf", json!(now + 1800))], "FAIL  times     not valid for another "),
        (&[("exp", json!("soon"))], "FAIL  times     `iat`, `nbf` or `exp` is missing or no number"),
        (&[("iat", Value::Null)], "FAIL  times     `iat`, `nbf` or `exp` is missing or no number"),
        (&[("exp", json!(now + 29 * 3600))], "FAIL  times     it lives for "),
        (&[("nbf", json!(now + 7200))], "FAIL  times     it expires before it is valid"),
        (&[("iat", json!(now + 7200))], "FAIL  times     it expires before it is valid or issued"),
        (&[("iat", json!(now + 1800))], "FAIL  times     not valid for another "),
        (&[("iss", json!(path))], "FAIL  issuer    `https://evil.example/a/b/"),
        (&[("azpacr", json!("0"))], "FAIL  class     `azpacr` is 0: a public client"),
        (&[("azpacr", json!("3"))], "FAIL  class     `azpacr` is missing or not one of"),
        (&[("azpacr", Value::Null)], "FAIL  class     `azpacr` is missing or not one of"),
    ];
    for (claims, expected) in cases {
        let (text, fine) = explain(&registrations(), &mint(&world, claims));
        let after = text.split(expected).nth(1).unwrap_or_else(|| panic!("{expected} is not in: {text}"));
        assert!(!fine && after.lines().nth(1).unwrap().starts_with("        remedy "), "{text}");
    }
}

#[tokio::test]
async fn an_issuer_of_another_host_is_pointed_out() {
    let world = World::new().await;
    let elsewhere = mint(&world, &[("iss", json!(format!("https://elsewhere.example/{TENANT}/v2.0")))]);
    let (text, _) = explain(&registrations(), &elsewhere);
    assert!(text.contains("issued by elsewhere.example, which is not verified"), "{text}");
}

#[tokio::test]
async fn a_missing_consent_is_named() {
    let world = World::new().await;
    let token = world.token(UNGRANTED, UNGRANTED_SECRET, &format!("api://{RESOURCE}")).await;
    let (text, fine) = explain(&registrations(), &token);
    let expected = "DemoUngrantedClientApp asks for Resource.Read of DemoResourceApp without admin consent";
    assert!(!fine && text.contains(expected) && text.contains("tenants.grants"), "{text}");
}

#[tokio::test]
async fn times_are_compared_with_the_given_time() {
    let token = mint(&World::new().await, &[]);
    let at =
        |hours: i64| registrations().explain(&token, Timestamp::now() + hours.hours()).unwrap().is_fine();
    assert!(at(0) && !at(2) && !at(-2));
}

#[tokio::test]
async fn a_token_is_compared_with_the_directory_in_the_settings() {
    let token = mint(&World::new().await, &[]);
    let folder = edited_folder(&[(
        "directory.toml",
        "e5081c9f-a7b3-4d26-93fe-60d2b4c8a715\"",
        "e5081c9f-a7b3-4d26-93fe-60d2b4c8a715\"\nenabled = false",
    )]);
    let registrations = Registrations::load(folder.path(), &Environment::default()).unwrap();
    assert!(explain(&registrations, &token).0.contains("FAIL  client    DemoClientApp is disabled"));
}

#[test]
fn pasted_text_neither_breaks_the_terminal_nor_appears_in_an_error() {
    let part = |value: Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let long = "x".repeat(10_000);
    let claims = json!({ "a\u{1b}[31m\u{9b}": "\u{1b}]0;x\u{7}\u{9d}\n", "tid": long, "exp": i64::MIN, "nbf": i64::MAX });
    let token = format!("{}.{}.c2ln", part(json!({ "alg": ["none"] })), part(claims));
    let (text, fine) = explain(&registrations(), &token);
    assert!(!fine && text.len() < 8_000, "{}", text.len());
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
    for unusable in ["canary", "canary.canary.canary", "", &"canary".repeat(20_000)] {
        let error = registrations().explain(unusable, Timestamp::now()).unwrap_err().to_string();
        assert!(!error.contains("canary") && error.starts_with("`SUBJECT`: "), "{error}");
    }
}

/// The exit code, output and errors of `explain` with this standard input.
fn command(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = program(&[&["explain"], arguments].concat(), &[]);
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code().unwrap(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[tokio::test]
async fn the_command_takes_an_argument_standard_input_or_a_file() {
    let message = "AADSTS501051: Application 'x'(y) is not assigned to a role. Trace ID: z";
    for (argument, input) in [("501051", ""), (message, ""), ("-", message)] {
        let (code, out, _) = command(&[argument], input);
        assert_eq!(code, 0, "{out}");
        for part in ["AADSTS501051\n", "  cause   ", "  rule    ", "  remedy  Grant the client an app role"] {
            assert!(out.contains(part), "{part} is not in: {out}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    let world = World::new().await;
    std::fs::write(file.path(), mint(&world, &[])).unwrap();
    let path = file.path().display().to_string();
    for argument in [path.clone(), format!("@{path}")] {
        let (code, out, _) = command(&[&argument], "");
        assert!(code == 0 && out.contains(TENANT), "{out}");
    }
    let (code, out, _) = command(&[], &mint(&world, &[]));
    assert!(code == 0 && out.contains(TENANT), "{out}");
    let (code, out, error) = command(&[&mint(&world, &[])], "");
    assert!(code == 2 && out.is_empty() && !error.contains("eyJ"), "{error}");
    let (code, out, _) = command(&["-"], &mint(&world, &[("exp", json!(1))]));
    assert!(code == 1 && out.contains("expired"), "{out}");
    assert_eq!(command(&["AADSTS1"], "").0, 1);
    for (argument, expected) in [
        ("-", "`SUBJECT`"),
        ("@/nowhere/token", "/nowhere/token: No such file"),
        ("/nowhere/token", "/nowhere/token: No such file"),
    ] {
        let (code, out, error) = command(&[argument], "canary");
        assert_eq!((code, out.as_str()), (2, ""), "{error}");
        assert!(
            error.contains(expected) && error.lines().count() == 1 && !error.contains("canary"),
            "{error}"
        );
    }
}
