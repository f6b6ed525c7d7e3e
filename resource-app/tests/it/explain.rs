//! `resource-app explain` with an unreachable authority.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Nothing listens on port 1, so the authority is unreachable.
const AWAY: [(&str, &str); 2] =
    [("AZURE_AD__INSTANCE", "https://127.0.0.1:1"), ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "1")];

type Variables<'a> = &'a [(&'a str, &'a str)];

fn explain(arguments: &[&str], variables: Variables<'_>, input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_resource-app"))
        .arg("explain")
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

#[test]
fn a_text_that_is_no_token_is_refused_and_not_repeated() {
    let output = explain(&[], &AWAY, "canary\n");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.starts_with("The token is refused: token_malformed\n"), "{text}");
    assert!(text.contains("FAIL  form") && text.contains("not reached"), "{text}");
    assert!(!text.contains("canary") && !String::from_utf8_lossy(&output.stderr).contains("canary"));
}

#[test]
fn a_dash_is_standard_input() {
    let refused = explain(&["-"], &AWAY, "canary\n");
    assert_eq!(refused.stdout, explain(&[], &AWAY, "canary\n").stdout);
    let undecided = explain(&["-"], &AWAY, &unsigned_token());
    assert!(String::from_utf8(undecided.stdout).unwrap().contains("undecided: keys_unavailable"));
}

#[test]
fn a_token_as_an_argument_ends_it_with_2_and_is_not_repeated() {
    let output = explain(&[&unsigned_token()], &AWAY, "");
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("standard input") && !text.contains("eyJ") && output.stdout.is_empty(), "{text}");
}

#[test]
fn without_the_keys_the_verdict_is_undecided() {
    // Of the defaults' tenant and API; its signature is one byte.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token.txt");
    std::fs::write(&file, format!("Authorization: Bearer {}\n", unsigned_token())).unwrap();
    let output = explain(&["--json", file.to_str().unwrap()], &AWAY, "");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!((&report["verdict"], &report["code"]), (&"undecided".into(), &"keys_unavailable".into()));
    assert_eq!(report["claims_verified"], false);
    assert_eq!(report["claims"]["ver"], "2.0");
    let checks = report["checks"].as_array().unwrap();
    let outcome = |code: &str| &checks.iter().find(|check| check["code"] == code).unwrap()["outcome"];
    assert_eq!(
        (outcome("audience_mismatch"), outcome("signature_invalid")),
        (&"pass".into(), &"not_reached".into())
    );
}

#[test]
fn unusable_settings_and_input_end_it_with_2() {
    let large = "a".repeat(70_000);
    let cases: [(&[&str], Variables<'_>, &str, &str); 5] = [
        (&[], &[("AZURE_AD__TENANT_ID", "canary")], "", "`azure_ad.tenant_id`"),
        (&["/nowhere/token.txt"], &AWAY, "", "/nowhere/token.txt"),
        (&[], &AWAY, " \n", "there is no token"),
        (&[], &AWAY, &large, "64 KiB"),
        (&["--token", "canary"], &AWAY, "", "--token"),
    ];
    for (arguments, variables, input, expected) in cases {
        let output = explain(arguments, variables, input);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.starts_with("error: "), "{text}");
        assert!(text.contains(expected) && output.stdout.is_empty(), "{text}");
    }
}

fn unsigned_token() -> String {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    let (tenant, now) = ("8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20", jiff::Timestamp::now().as_second());
    let subject = "99f268b3-61d1-4536-bfd5-85f426e2146f";
    let claims = serde_json::json!({
        "aud": "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4", "iss": format!("https://127.0.0.1:1/{tenant}/v2.0"),
        "iat": now, "nbf": now, "exp": now + 600, "ver": "2.0", "tid": tenant, "oid": subject, "sub": subject,
        "azp": "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813",
    });
    let segment = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.AA", segment(r#"{"alg":"RS256","kid":"K1"}"#), segment(&claims.to_string()))
}
