use std::process::{Command, Output};

use serde_json::Value;

type Variables<'a> = &'a [(&'a str, &'a str)];

pub(crate) fn run(arguments: &[&str], variables: Variables<'_>) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_resource-app"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder.path())
        .output()
        .unwrap()
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn unusable_settings_and_arguments_end_it_with_2() {
    let cases: [(&[&str], Variables<'_>, &str); 9] = [
        (&[], &[("AZURE_AD__INSTANCE", "https://login.microsoftonline.com")], "set AZURE_AD__CLIENT_ID"),
        (&[], &[("AZURE_AD__TENANT_ID", "canary")], "`azure_ad.tenant_id`"),
        (&[], &[("AZURE_AD__TENANT_ID", "canary.onmicrosoft.com")], "set that as `azure_ad.domain`"),
        (&[], &[("AZURE_AD__INSTANCE", "canary.example")], "has no scheme; write https://"),
        (
            &["serve"],
            &[("AUTHORIZATION__DEVELOPMENT_HANDLER", "true")],
            "`authorization.development_handler`",
        ),
        (&["--settings", "/nowhere.toml"], &[], "/nowhere.toml"),
        (&["healthcheck"], &[("SERVER__LISTEN", "canary")], "`server.listen`"),
        (
            &[],
            &[("HTTP_CLIENT__CA_FILE", "/nowhere.pem"), ("SERVER__LISTEN", "127.0.0.1:0")],
            "`http_client.ca_file`",
        ),
        (&[], &[("STORE__URL", "sqlite:///dev/null/x.db")], "`store.url`"),
    ];
    for (arguments, variables, expected) in cases {
        let output = run(arguments, variables);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.lines().count() == 1, "{text}");
        let message = if arguments.contains(&"healthcheck") {
            // One-shot commands write text even if standard error is not a terminal.
            text.strip_prefix("error: ").unwrap_or_else(|| panic!("{text}")).to_owned()
        } else {
            let event: Value = serde_json::from_str(&text).unwrap();
            assert!(event["level"] == "ERROR" && event["timestamp"].is_string(), "{text}");
            event["message"].as_str().unwrap().to_owned()
        };
        assert!(message.contains(expected), "{text}");
        assert!(!text.contains("canary") && output.stdout.is_empty(), "{text}");
    }
    assert_eq!(run(&["--no-such-option"], &[]).status.code(), Some(2));
    assert_eq!(run(&["no-such-command"], &[]).status.code(), Some(2));
}

#[test]
fn a_health_check_of_an_app_that_is_not_there_ends_with_1() {
    let output = run(&["healthcheck"], &[("SERVER__LISTEN", "127.0.0.1:1")]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
}

#[tokio::test]
async fn a_health_check_of_an_app_that_is_not_ready_ends_with_1() {
    let app = crate::app::App::start(&[]).await;
    let address = app.url.replace("http://localhost", "127.0.0.1");
    let check = move || run(&["healthcheck"], &[("SERVER__LISTEN", &address)]);
    let output = tokio::task::spawn_blocking(check).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("503"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_takes_any_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| folder.path().join(name));
    let issued = rcgen::generate_simple_self_signed(["orders.contoso.com".to_owned()]).unwrap();
    std::fs::write(&certificate, issued.cert.pem()).unwrap();
    std::fs::write(&key, issued.signing_key.serialize_pem()).unwrap();
    let tls = [
        ("SERVER__TLS__CERTIFICATE_FILE", certificate.to_str().unwrap()),
        ("SERVER__TLS__PRIVATE_KEY_FILE", key.to_str().unwrap()),
    ];
    let app = crate::app::App::start(&tls).await;
    let address = app.url.replace("https://localhost", "127.0.0.1");
    let variables = [[("SERVER__LISTEN", address.as_str())].as_slice(), &tls].concat();
    // It answers, though it is not ready without an authority.
    let output = tokio::task::block_in_place(|| run(&["healthcheck"], &variables));
    assert!(stderr(&output).contains("not ready: status 503"), "{}", stderr(&output));
}

#[test]
fn help_shows_how_to_use_it() {
    let output = run(&["--help"], &[]);
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in ["Examples:", "healthcheck", "--settings"] {
        assert!(text.contains(expected), "{text}");
    }
    for command in ["explain", "routes", "manifest"] {
        let text = String::from_utf8(run(&[command, "--help"], &[]).stdout).unwrap();
        // The text before the heading names the command even without examples.
        let (_, examples) = text.split_once("\nExamples:\n").unwrap_or_else(|| panic!("{text}"));
        assert!(examples.contains("\nExit codes: 0 "), "{text}");
        let is_example = |line: &str| {
            let arguments = line.split_once("resource-app ");
            arguments.is_some_and(|(_, arguments)| arguments.split(' ').any(|word| word == command))
        };
        assert!(examples.lines().any(is_example), "{text}");
    }
}
