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

/// A program, its arguments, its variables, and parts of its list of settings.
type Case<'a> = (&'a str, &'a [&'a str], Vec<(&'a str, String)>, &'a [&'a str]);

#[cfg(unix)]
#[test]
fn a_service_logs_the_settings_in_force_with_their_sources_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let file = path("client.toml");
    let defaults = include_str!("../../client-app/settings.toml");
    let entry = "[[azure_ad.credentials]]\nkind = \"secret\"\nvalue = \"canary-4711\"\n";
    std::fs::write(&file, format!("{defaults}\n{entry}")).unwrap();
    let listen = ("SERVER__LISTEN", "127.0.0.1:0".to_owned());
    let metrics = ("METRICS__LISTEN", "127.0.0.1:0".to_owned());
    let value = |name: &'static str, value: &str| (name, value.to_owned());
    let with_file = ["--settings", file.as_str(), "serve"];
    let cases: [Case<'_>; 5] = [
        (
            "resource-app",
            &["serve"],
            vec![metrics.clone(), ("STORE__URL", format!("sqlite://{}", path("resources.db")))],
            &[
                "azure_ad.clock_skew_seconds=60 (default)",
                "(variable STORE__URL)",
                "azure_ad.app_id_uris=[] (default)",
            ],
        ),
        (
            "client-app",
            &["serve"],
            vec![metrics.clone(), value("AZURE_CLIENT_SECRET", "canary-4711")],
            &[
                "azure_ad.client_secret=[hidden] (variable AZURE_CLIENT_SECRET)",
                "resource.base_url=http://localhost:5001 (default)",
            ],
        ),
        (
            "client-app",
            &["serve"],
            vec![
                metrics.clone(),
                value("AZURE_AD__CREDENTIAL__KIND", "secret"),
                value("AZURE_AD__CREDENTIAL__VALUE", "canary-4711"),
                value("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary-4711"),
                value("IDENTITY_HEADER", "canary-4711"),
            ],
            &[
                "azure_ad.credential.value=[hidden] (variable AZURE_AD__CREDENTIAL__VALUE)",
                "azure_ad.client_certificate_password=[hidden] (variable AZURE_CLIENT_CERTIFICATE_PASSWORD)",
                "azure_ad.identity_header=[hidden] (variable IDENTITY_HEADER)",
            ],
        ),
        (
            "client-app",
            &with_file,
            vec![metrics],
            &["kind=secret", "value=[hidden]", &file, "server.listen=127.0.0.1:0 (variable SERVER__LISTEN)"],
        ),
        (
            "authority-app",
            &["serve"],
            vec![
                value("ADMIN__LISTEN", "off"),
                ("DATA__FOLDER", path("data")),
                value("MANAGED_IDENTITY__IDENTITY_HEADER", "canary-4711"),
            ],
            &[
                "admin.listen=off (variable ADMIN__LISTEN)",
                "token_endpoint.strict=false (default)",
                "managed_identity.identity_header=[hidden] (variable MANAGED_IDENTITY__IDENTITY_HEADER)",
            ],
        ),
    ];
    for (name, arguments, mut variables, expected) in cases {
        variables.push(listen.clone());
        let (_, log) = program::Server::start(name, arguments, &variables).terminate();
        let lines: Vec<&str> = log.lines().filter(|line| line.contains("settings in force")).collect();
        assert_eq!(lines.len(), 1, "{name}: {log}");
        assert!(lines[0].contains("\"INFO\""), "{name}: {log}");
        for part in expected {
            assert!(lines[0].contains(part), "{name}: {part:?} is not in {log}");
        }
        assert!(!log.contains("canary"), "{name}: {log}");
    }
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
