//! Several credentials, some of which the authority no longer accepts.

use std::fmt::Write;

use entra_shared::settings::Environment;
use entra_stand_in::{Authority, Client, Endpoint};
use jiff::{Timestamp, ToSpan};

use super::{Stage, Variables, client_app, signer};

/// Settings that list credentials, each with its kind and file.
pub(super) fn settings_with(stage: &Stage, client: &Client, list: &[(&str, &str)]) -> (String, Variables) {
    let mut settings = include_str!("../../../client-app/settings.toml").to_owned();
    for (kind, file) in list {
        write!(settings, "\n[[azure_ad.credentials]]\nkind = \"{kind}\"\nfile = {file:?}\n").unwrap();
    }
    (stage.file("settings.toml", settings), stage.variables(client, &[]))
}

/// A settings file that lists two secrets in files.
fn listed(stage: &Stage, client: &Client, first: &str, second: &str) -> (String, Variables) {
    let files = [stage.file("first", first), stage.file("second", second)];
    settings_with(stage, client, &[("secret", &files[0]), ("secret", &files[1])])
}

pub(super) fn retriever((file, variables): &(String, Variables)) -> entra_token::TokenRetriever {
    let environment: Environment = variables.iter().cloned().collect();
    let settings = client_app::Settings::load(Some(file.as_ref()), environment).unwrap();
    settings.token_retriever(settings.http_client().unwrap()).unwrap()
}

/// A secret that expired yesterday.
fn expired_secret(client: &Client) -> String {
    let now = Timestamp::now();
    let day = |days: i64| now.checked_add((24 * days).hours()).unwrap();
    client.add_secret(day(-2), day(-1)).unwrap().expose().to_owned()
}

#[tokio::test]
async fn after_an_expired_secret_is_refused_the_next_one_is_used() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let settings = listed(&stage, &client, &expired_secret(&client), client.secret().expose());
    let first = retriever(&settings);
    assert!(first.token().await.is_ok());
    stage.tenant.journal().entries().expect(Endpoint::Token, 2);
    let refused: Vec<Option<u32>> =
        stage.tenant.journal().entries().iter().map(|entry| entry.aadsts).collect();
    assert_eq!(refused, [Some(7000222), None]);
}

#[tokio::test]
async fn when_all_are_refused_the_first_ones_error_is_the_answer() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let retriever = retriever(&listed(&stage, &client, &expired_secret(&client), "wrong"));
    let error = retriever.token().await.unwrap_err();
    assert!(error.to_string().contains("AADSTS7000222"), "{error}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 2);
    // A corrected secret is used without a restart.
    stage.file("second", client.secret().expose());
    assert!(retriever.token().await.is_ok());
    stage.tenant.journal().entries().expect(Endpoint::Token, 3);
}

#[tokio::test]
async fn a_fault_of_the_registration_is_not_blamed_on_the_credential() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let settings = listed(&stage, &client, client.secret().expose(), client.secret().expose());
    client.set_enabled(false).unwrap();
    let error = retriever(&settings).token().await.unwrap_err();
    assert!(error.to_string().contains("AADSTS7000112"), "{error}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 1);
    // The OAuth error is that of a wrong secret, but no other secret would do better.
    client.set_enabled(true).unwrap();
    client.public().unwrap();
    let error = retriever(&settings).token().await.unwrap_err();
    assert!(error.to_string().contains("AADSTS700025"), "{error}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 2);
}

#[tokio::test]
async fn the_log_names_the_credential_that_is_refused_and_the_one_in_its_place() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let expired = expired_secret(&client);
    let (file, variables) = listed(&stage, &client, &expired, client.secret().expose());
    let (code, _, log) = client_app(&["token", "--settings", &file], variables).await;
    assert_eq!(code, 0, "{log}");
    let warning = log.lines().find(|line| line.contains("a credential was refused")).unwrap();
    for part in ["WARN", "/first", "/second", "AADSTS7000222"] {
        assert!(warning.contains(part), "{warning}");
    }
    for secret in [&expired, client.secret().expose()] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn an_expired_certificate_is_skipped_in_a_list_and_fatal_alone() {
    use rcgen::{CertificateParams, date_time_ymd};
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let (key, _) = signer();
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let expired = params.self_signed(key).unwrap();
    let file = stage.file("expired.pem", format!("{}{}", key.serialize_pem(), expired.pem()));
    let secret = stage.file("secret", client.secret().expose());
    let settings = settings_with(&stage, &client, &[("certificate", &file), ("secret", &secret)]);
    assert!(retriever(&settings).token().await.is_ok());
    stage.tenant.journal().entries().expect(Endpoint::Token, 1);

    let alone = stage.variables(&client, &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]);
    let (code, _, log) = client_app(&["token"], alone).await;
    let error = log.lines().last().unwrap();
    assert!(code == 2 && error.contains("expired at 2021-01-01") && error.contains(&file), "{log}");
}

#[tokio::test]
async fn a_credential_that_expires_within_30_days_is_logged_at_the_start() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client();
    let day =
        |days: i64| (Timestamp::now().checked_add((24 * days).hours()).unwrap()).strftime("%F").to_string();
    for (days, expected) in [(40, None), (10, Some("days=9")), (-3, Some("has expired"))] {
        let variables = stage.variables(
            &client,
            &[
                ("AZURE_CLIENT_SECRET", client.secret().expose()),
                ("AZURE_AD__CLIENT_SECRET_EXPIRES_ON", &day(days)),
            ],
        );
        let (code, _, log) = client_app(&["token"], variables).await;
        assert_eq!(code, 0, "{log}");
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), usize::from(expected.is_some()), "{warnings:?}");
        for (warning, part) in warnings.iter().zip(expected) {
            assert!(
                warning.contains(part) && warning.contains("client secret of azure_ad.client_secret"),
                "{warning}"
            );
        }
    }
}
