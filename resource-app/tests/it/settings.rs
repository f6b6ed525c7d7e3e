use std::error::Error;

use entra_shared::settings::SettingsError;
use http_shell::InvalidSetting;
use resource_app::settings::Tenant;
use resource_app::{ResourceApp, StartError};

use crate::app::settings;

#[test]
fn the_defaults_are_complete_and_stay_on_loopback() {
    let settings =
        resource_app::Settings::load(None, entra_shared::settings::Environment::default()).unwrap();
    assert!(settings.server.listen.ip().is_loopback());
    assert!(settings.metrics.listen.unwrap().ip().is_loopback());
    assert!(settings.development_handler().unwrap().is_none());
}

/// What the webhook of AKS workload identity puts into a pod, and the rest of azure-identity's variables.
const AZURES_OWN: [(&str, &str); 11] = [
    ("AZURE_TENANT_ID", "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41"),
    ("AZURE_CLIENT_ID", "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce42"),
    ("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.us"),
    ("AZURE_FEDERATED_TOKEN_FILE", "/nowhere"),
    ("AZURE_CLIENT_SECRET", "canary"),
    ("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere"),
    ("AZURE_CLIENT_CERTIFICATE_PASSWORD", "canary"),
    ("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN", "true"),
    ("AZURE_USERNAME", "canary"),
    ("AZURE_ADDITIONALLY_ALLOWED_TENANTS", "*"),
    ("AZURE_REGIONAL_AUTHORITY_NAME", "westeurope"),
];

#[test]
fn azures_own_variables_set_nothing() {
    let load = |variables: &[(&str, &str)]| {
        resource_app::Settings::load(None, variables.iter().copied().collect()).unwrap()
    };
    assert_eq!(format!("{:?}", load(&AZURES_OWN)), format!("{:?}", load(&[])));
    let empty = AZURES_OWN.map(|(name, _)| (name, ""));
    assert_eq!(format!("{:?}", load(&empty)), format!("{:?}", load(&[])));
    // An API of several tenants starts in a pod that has one tenant's id.
    let list = ("AZURE_AD__ACCEPTED_TENANTS", "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20");
    let several = load(&[&AZURES_OWN[..], &[("AZURE_AD__TENANT_ID", "organizations"), list]].concat());
    assert_eq!(several.azure_ad.tenant_id, Tenant::try_from("organizations".to_owned()).unwrap());
}

#[test]
fn the_demos_ids_go_with_an_instance_on_this_machine_alone() {
    let instance = |url| ("AZURE_AD__INSTANCE", url);
    let tenant = ("AZURE_AD__TENANT_ID", "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41");
    let client = ("AZURE_AD__CLIENT_ID", "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4");
    let load = |variables: &[(&str, &str)]| {
        let loaded = resource_app::Settings::load(None, variables.iter().copied().collect());
        loaded.map(|_| ()).map_err(|error| error.to_string())
    };
    for local in ["https://localhost:5000", "https://127.0.0.1", "https://[::1]:5000"] {
        load(&[instance(local)]).unwrap();
    }
    for url in ["https://login.microsoftonline.com", "https://authority:5000", "https://127.0.0.1.nip.io"] {
        for set in [
            &[instance(url)][..],
            &[instance(url), tenant],
            &[&[instance(url), tenant], &AZURES_OWN[..]].concat(),
        ] {
            let error = load(set).unwrap_err();
            let expected =
                "`azure_ad.client_id` (the default settings): is the demo's API; set AZURE_AD__CLIENT_ID ";
            assert!(error.starts_with(expected), "{error}");
        }
        let error = load(&[instance(url), client]).unwrap_err();
        let expected =
            "`azure_ad.tenant_id` (the default settings): is the demo's tenant; set AZURE_AD__TENANT_ID ";
        assert!(error.starts_with(expected), "{error}");
        load(&[instance(url), client, tenant]).unwrap();
    }
}

#[test]
fn ids_in_a_settings_file_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, include_str!("../../settings.toml")).unwrap();
    let environment = [("AZURE_AD__INSTANCE", "https://authority:5000")].into_iter().collect();
    resource_app::Settings::load(Some(&file), environment).unwrap();
}

#[test]
fn several_tenants_can_be_listed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = ("14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41", "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20");
    for word in ["organizations", "common"] {
        let list = format!("{one}, {other}");
        let variables = [("AZURE_AD__TENANT_ID", word), ("AZURE_AD__ACCEPTED_TENANTS", list.as_str())];
        let azure_ad = settings(folder.path(), &variables).unwrap().azure_ad;
        assert_eq!(azure_ad.tenant_id, Tenant::try_from(word.to_owned()).unwrap());
        let accepted: Vec<_> = azure_ad.accepted_tenants.iter().map(ToString::to_string).collect();
        assert_eq!(accepted, [one, other]);
    }
}

#[test]
fn a_wrong_setting_is_refused_in_one_line_that_names_it() {
    let development = ("ENVIRONMENT", "development");
    let handler = ("AUTHORIZATION__DEVELOPMENT_HANDLER", "true");
    let organizations = ("AZURE_AD__TENANT_ID", "organizations");
    let list = ("AZURE_AD__ACCEPTED_TENANTS", "14bc2ff7-5fd1-4ce2-a110-4f71b9a2ce41");
    let cases: [(&[(&str, &str)], &str); 33] = [
        (&[("AZURE_AD__TENNANT_ID", "canary")], "unknown key `azure_ad.tennant_id`"),
        (&[("AZURE_AD__TENANT_ID", "canary")], "`azure_ad.tenant_id` (variable AZURE_AD__TENANT_ID)"),
        (&[("AZURE_AD__CLIENT_ID", "canary")], "`azure_ad.client_id`"),
        (&[("AZURE_AD__INSTANCE", "http://canary")], "`azure_ad.instance`"),
        (&[("AZURE_AD__ACCEPTED_TOKEN_VERSIONS", "3.0")], "`azure_ad.accepted_token_versions"),
        (&[("AZURE_AD__APP_ID_URIS", "canary")], "`azure_ad.app_id_uris"),
        (&[("ENVIRONMENT", "canary")], "`environment`"),
        (&[("SERVER__LISTEN", "canary")], "`server.listen`"),
        (&[("SERVER__DRAIN_TIMEOUT_SECONDS", "4294967296")], "`server.drain_timeout_seconds`"),
        (&[("STORE__URL", "canary")], "`store.url`"),
        (&[("STORE__URL", "sqlite::memory:")], "`store.url`"),
        (&[("KEYS__MAX_AGE_SECONDS", "0")], "`keys.max_age_seconds`"),
        (&[("HTTP_CLIENT__TIMEOUT_SECONDS", "-1")], "`http_client.timeout_seconds`"),
        (&[("METRICS__LISTEN", "canary")], "`metrics.listen`"),
        (&[("VERIFIED_TOKENS__CAPACITY", "1000001")], "`verified_tokens.capacity`"),
        (&[("KEYS__REMOVED_KEY_GRACE_SECONDS", "3601")], "`keys.removed_key_grace_seconds`"),
        (&[("KEYS__REFRESH_INTERVAL_SECONDS", "86400")], "`keys.refresh_interval_seconds`"),
        (&[("AZURE_AD__CLOCK_SKEW_SECONDS", "301")], "`azure_ad.clock_skew_seconds`"),
        (&[("AZURE_AD__CLOCK_SKEW_SECONDS", "-1")], "`azure_ad.clock_skew_seconds`"),
        (&[("AZURE_AD__TENANT_ID", "consumers")], "personal accounts"),
        (&[("AZURE_AD__TENANT_ID", "Common")], "`organizations` or `common`"),
        (&[list], "`azure_ad.accepted_tenants` (variable AZURE_AD__ACCEPTED_TENANTS): is only for"),
        (&[organizations], "`azure_ad.accepted_tenants` (the default settings): must list"),
        (&[("AZURE_AD__TENANT_ID", "common")], "`azure_ad.accepted_tenants`"),
        (&[organizations, ("AZURE_AD__ACCEPTED_TENANTS", "canary")], "`azure_ad.accepted_tenants"),
        (
            &[organizations, ("AZURE_AD__ACCEPTED_TENANTS", "9188040d-6c67-4c5b-b112-36a304b66dad")],
            "personal accounts",
        ),
        (&[organizations, list, ("AZURE_AD__DOMAIN", "contoso.com")], "`azure_ad.domain`"),
        (&[("AUTHORIZATION__REPORT_ONLY", "canary")], "must be one of clients, write_requires_certificate"),
        (&[("AUTHORIZATION__REPORT_ONLY", "clients")], "`authorization.report_only`"),
        (&[("AUTHORIZATION__ONLY_CREATOR_CHANGES", "canary")], "`authorization.only_creator_changes`"),
        (&[handler], "`authorization.development_handler`"),
        (&[handler, ("ENVIRONMENT", "production")], "`authorization.development_handler`"),
        (&[handler, development, ("SERVER__LISTEN", "0.0.0.0:0")], "`authorization.development_handler`"),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (variables, expected) in cases {
        let error = settings(folder.path(), variables).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!error.contains('\n') && !error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_setting_found_unusable_later_is_still_a_settings_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "not a certificate").unwrap();
    let below_a_file = format!("sqlite://{}/x.db", file.display());
    let file = file.to_str().unwrap();
    let cases: [(&[(&str, &str)], &str); 4] = [
        (&[("STORE__URL", &below_a_file)], "`store.url`"),
        (&[("HTTP_CLIENT__CA_FILE", file)], "`http_client.ca_file`"),
        (&[("HTTP_CLIENT__CA_FILE", "/nowhere")], "`http_client.ca_file`"),
        (
            &[("SERVER__TLS__CERTIFICATE_FILE", file), ("SERVER__TLS__PRIVATE_KEY_FILE", file)],
            "`server.tls.certificate_file`",
        ),
    ];
    for (variables, expected) in cases {
        let error = ResourceApp::bind(settings(folder.path(), variables).unwrap()).await.unwrap_err();
        let mut link: &dyn Error = &error;
        while !link.is::<SettingsError>() && !link.is::<InvalidSetting>() {
            link = link.source().unwrap();
        }
        let named = link.to_string();
        assert!(named.contains(expected), "{named}");
    }
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "this is not a database, but long enough to be taken for one".repeat(100)).unwrap();
    let url = format!("sqlite://{}", path.display());
    let settings = settings(folder.path(), &[("STORE__URL", &url)]).unwrap();
    assert!(matches!(ResourceApp::bind(settings).await, Err(StartError::Store(_))));
}
