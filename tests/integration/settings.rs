//! Invalid settings end a program with exit code 2 and one line that names the key and its source, but no value.

use tests::program;

const SECRET: (&str, &str) = ("AZURE_CLIENT_SECRET", "canary");

/// Starts the program with one invalid variable, and asserts that it is refused.
fn refused(name: &str, variable: (&str, &str), expected: &[&str]) {
    let good = [SECRET, ("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")];
    let variables: Vec<(&str, &str)> =
        good.into_iter().filter(|(name, _)| *name != variable.0).chain([variable]).collect();
    let output = program::run(name, &["serve"], &variables);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{name} with {variable:?}: {line}");
    assert_eq!(line.trim_end().lines().count(), 1, "{name} with {variable:?}: {line}");
    for part in expected {
        assert!(line.contains(part), "{name} with {variable:?}: {part:?} is not in {line}");
    }
    assert!(!line.contains("canary"), "{line}");
}

#[test]
fn each_wrong_setting_of_any_service_is_refused_in_one_line() {
    for name in ["resource-app", "client-app"] {
        refused(
            name,
            ("AZURE_AD__TENANT_ID", "canary"),
            &["azure_ad.tenant_id", "AZURE_AD__TENANT_ID", "GUID"],
        );
        refused(
            name,
            ("AZURE_AD__TENANT_ID", ""),
            &["azure_ad.tenant_id", "AZURE_AD__TENANT_ID", "is empty"],
        );
        refused(name, ("AZURE_AD__CLIENT_ID", "canary"), &["azure_ad.client_id", "AZURE_AD__CLIENT_ID"]);
        refused(
            name,
            ("AZURE_AD__TENNANT_ID", "canary"),
            &["azure_ad.tennant_id", "AZURE_AD__TENNANT_ID", "tenant_id"],
        );
        refused(name, ("AZURE_AD__INSTANCE", "http://canary"), &["azure_ad.instance", "https"]);
        refused(name, ("AZURE_AD__DOMAIN", "canary.com/"), &["azure_ad.domain"]);
        refused(
            name,
            ("HTTP_CLIENT__CA_FILE", "/nowhere/ca.pem"),
            &["http_client.ca_file", "/nowhere/ca.pem"],
        );
        refused(
            name,
            ("HTTP_CLIENT__TIMEOUT_SECONDS", "0"),
            &["http_client.timeout_seconds", "HTTP_CLIENT__TIMEOUT_SECONDS"],
        );
        refused(name, ("SERVER__TLS__CERTIFICATE_FILE", "/nowhere"), &["server.tls.private_key_file"]);
    }
    refused("client-app", ("AZURE_TENANT_ID", "canary"), &["azure_ad.tenant_id", "AZURE_TENANT_ID", "GUID"]);
    refused("client-app", ("AZURE_TENANT_ID", ""), &["azure_ad.tenant_id", "AZURE_TENANT_ID", "is empty"]);
    for name in ["authority-app", "resource-app", "client-app"] {
        refused(name, ("SERVER__LISTEN", "canary"), &["server.listen", "SERVER__LISTEN"]);
        refused(name, ("SERVER__PORT", "canary"), &["server.port", "SERVER__PORT", "listen"]);
    }
}

#[test]
fn what_one_service_cannot_run_with_is_refused() {
    refused("resource-app", ("STORE__URL", "canary://x"), &["store.url"]);
    refused(
        "resource-app",
        ("AZURE_AD__ACCEPTED_TOKEN_VERSIONS", "3.0"),
        &["azure_ad.accepted_token_versions"],
    );
    refused(
        "resource-app",
        ("AUTHORIZATION__DEVELOPMENT_HANDLER", "true"),
        &["authorization.development_handler", "development"],
    );
    refused("client-app", ("AZURE_CLIENT_SECRET", ""), &["azure_ad.client_secret", "AZURE_CLIENT_SECRET"]);
    refused(
        "client-app",
        ("RESOURCE__BASE_URL", "http://example.com"),
        &["resource.base_url", "allow_plain_http"],
    );
    refused("client-app", ("RESOURCE__BASE_URL", "http://localhost.example.com"), &["resource.base_url"]);
    refused("client-app", ("RESOURCE__APP_ID_URI", "canary"), &["resource.app_id_uri", "api://"]);
    refused("client-app", ("AZURE_AD__ENDPOINT_VERSION", "canary"), &["azure_ad.endpoint_version"]);
    refused("authority-app", ("SERVER__LISTEN", "0.0.0.0:0"), &["server.listen", "allow_non_loopback"]);
    refused("authority-app", ("DIRECTORY__FOLDER", "/nowhere"), &["/nowhere"]);
}

#[test]
fn the_development_handler_wants_loopback_as_well_as_development() {
    let variables = [
        ("ENVIRONMENT", "development"),
        ("AUTHORIZATION__DEVELOPMENT_HANDLER", "true"),
        ("SERVER__LISTEN", "0.0.0.0:0"),
        ("METRICS__LISTEN", "127.0.0.1:0"),
    ];
    let output = program::run("resource-app", &["serve"], &variables);
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{line}");
    assert!(line.contains("authorization.development_handler") && line.contains("loopback"), "{line}");
}

#[test]
fn a_settings_file_that_is_missing_or_wrong_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = path.display().to_string();
    for name in ["authority-app", "resource-app", "client-app"] {
        let refused = || {
            let output = program::run(name, &["serve", "--settings", &text], &[SECRET]);
            let line = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name}: {line}");
            assert!(line.contains(&text) && line.trim_end().lines().count() == 1, "{name}: {line}");
            line
        };
        let _ = std::fs::remove_file(&path);
        refused();
        std::fs::write(&path, "[server\n").unwrap();
        assert!(refused().contains("line 1"));
    }
}

#[test]
fn every_program_explains_itself() {
    for name in ["authority-app", "resource-app", "client-app", "demo"] {
        let output = program::run::<&str>(name, &["--help"], &[]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert!(help.contains("Examples:") && help.contains("--settings"), "{name}: {help}");
        assert_eq!(program::run::<&str>(name, &["--nonsense"], &[]).status.code(), Some(2));
    }
}
