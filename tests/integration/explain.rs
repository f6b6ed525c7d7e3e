//! `resource-app explain` with tokens of the stand-in, intact and altered.

use std::process::Output;

use serde_json::{Value, json};
use tests::World;
use tests::program;
use tests::world::{OTHER_RESOURCE, now};

/// Explains a token with the settings of this world's resource-app.
async fn explain(world: &World, token: &str, arguments: &[&str]) -> Output {
    explain_with(world, token, arguments, &[]).await
}

/// Like [`explain`], with these settings.
async fn explain_with(
    world: &World,
    token: &str,
    arguments: &[&str],
    settings: &[(&'static str, &str)],
) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token.txt");
    std::fs::write(&file, token).unwrap();
    let mut variables = vec![
        ("AZURE_AD__INSTANCE", world.system.authority().instance().to_string()),
        ("HTTP_CLIENT__CA_FILE", world.system.ca_file().display().to_string()),
    ];
    variables.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let arguments: Vec<String> =
        [&["explain", file.to_str().unwrap()], arguments].concat().iter().map(ToString::to_string).collect();
    let run = move || {
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        program::run("resource-app", &arguments, &variables)
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let printed = [&output.stdout[..], &output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    assert!(token.split('.').all(|segment| segment.len() < 20 || !printed.contains(segment)), "{printed}");
    output
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn an_accepted_token_comes_with_what_each_policy_says() {
    let world = World::start().await;
    let token = world.token(json!({ "roles": ["Resource.Read"] })).await;
    let output = explain(&world, token.expose(), &[]).await;
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.starts_with("The token is accepted\n"), "{text}");
    assert!(text.contains("grant  ReadPolicy") && text.contains("DENY   WritePolicy"), "{text}");
    assert!(text.contains("role_missing") && text.contains("Claims (verified)"), "{text}");
    assert!(!text.contains("FAIL") && !text.contains("not reached"), "{text}");
    assert!(text.contains("  -      OwnerPolicy        decided for each resource: Target\n"), "{text}");
    assert!(!text.contains("target_missing") && !text.contains("would deny"), "{text}");
}

#[tokio::test]
async fn a_report_only_requirement_is_shown_with_its_remedy() {
    let world = World::start().await;
    let token = world.token(json!({ "roles": ["Resource.Write"], "azpacr": "1" })).await;
    let settings = [
        ("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true"),
        ("AUTHORIZATION__ONLY_CREATOR_CHANGES", "true"),
        ("AUTHORIZATION__REPORT_ONLY", "write_requires_certificate,only_creator_changes"),
    ];
    let text = text(&explain_with(&world, token.expose(), &[], &settings).await);
    let granted =
        "  grant  WritePolicy\n         would deny: credential_too_weak\n          the client proved itself";
    assert!(text.contains(granted), "{text}");
    assert!(text.contains("decided for each resource: Target, Creator (report only)\n"), "{text}");
    let output = explain_with(&world, token.expose(), &["--json"], &settings).await;
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let policies = report["policies"].as_array().unwrap();
    let named = |name: &str| policies.iter().find(|policy| policy["policy"] == name).unwrap();
    assert_eq!(named("WritePolicy")["granted"], true);
    assert_eq!(named("WritePolicy")["would_deny"][0]["reason"], "credential_too_weak");
    assert_eq!(
        (&named("OwnerPolicy")["granted"], &named("OwnerPolicy")["reasons"]),
        (&Value::Null, &json!([]))
    );
}

#[tokio::test]
async fn a_token_without_roles_needs_admin_consent() {
    let world = World::start().await;
    let token = world.token(json!({ "roles": null })).await;
    let report: Value =
        serde_json::from_slice(&explain(&world, token.expose(), &["--json"]).await.stdout).unwrap();
    assert_eq!(report["verdict"], "accepted");
    let policies = report["policies"].as_array().unwrap();
    let read = policies.iter().find(|policy| policy["policy"] == "ReadPolicy").unwrap();
    assert_eq!((&read["granted"], &read["reasons"]), (&false.into(), &json!(["role_missing"])));
    let remedy = read["remedies"][0].as_str().unwrap();
    assert!(remedy.contains("no roles") && remedy.contains("admin consent"), "{remedy}");
}

#[tokio::test]
async fn a_refused_token_comes_with_every_fault_and_its_remedy() {
    let world = World::start().await;
    let past = json!({ "iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 3600 });
    // Two characters leave no trailing bits that would have to be zero.
    let cut = |token: &str| token[..token.len() - 2].to_owned();
    let cases = [
        (world.token(past).await.expose().to_owned(), "token_expired", "expired 1 h "),
        (
            world.token_for(OTHER_RESOURCE, json!({})).await.expose().to_owned(),
            "audience_mismatch",
            "requestedAccessTokenVersion is 1",
        ),
        (cut(world.token(json!({})).await.expose()), "signature_invalid", "cut when it was copied"),
    ];
    for (token, code, remedy) in cases {
        let output = explain(&world, &token, &[]).await;
        let text = text(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.starts_with(&format!("The token is refused: {code}\n")), "{text}");
        assert!(text.replace('\n', " ").contains(remedy), "{text}");
        let origin = if code == "signature_invalid" { "Claims (unverified" } else { "Claims (verified)" };
        assert!(text.contains(origin), "{text}");
    }
}
