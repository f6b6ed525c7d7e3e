//! Certificates and secrets in files.

use entra_stand_in::{Authority, Endpoint};
use serde_json::json;

use super::{Stage, claim, client_app, fixture, retriever, signer, signer_pem, token};

#[tokio::test]
async fn a_certificate_gets_a_token_from_an_authority_that_accepts_only_documented_assertions() {
    let stage = Stage::strict().await;
    let client = stage.client().with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", signer_pem());
    for version in ["1.0", "2.0"] {
        let variables = stage.variables(
            &client,
            &[("AZURE_CLIENT_CERTIFICATE_PATH", &file), ("AZURE_AD__ENDPOINT_VERSION", version)],
        );
        let token = token(variables).await.unwrap();
        assert_eq!(claim(&token, "azpacr"), "2", "{version}");
        assert_eq!(claim(&token, "roles"), json!(["Api.Read"]), "{version}");
    }
}

#[tokio::test]
async fn the_stand_in_accepts_every_way_to_sign() {
    let stage = Stage::with(Authority::builder()).await;
    let client = stage.client().with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", signer_pem());
    for (name, value) in [
        ("AZURE_AD__CREDENTIAL__ALGORITHM", "RS256"),
        ("AZURE_AD__CREDENTIAL__ALGORITHM", "PS256"),
        ("AZURE_AD__CREDENTIAL__AUDIENCE", "issuer"),
        ("AZURE_AD__CREDENTIAL__SEND_CHAIN", "true"),
    ] {
        let chosen = [
            ("AZURE_AD__CREDENTIAL__KIND", "certificate"),
            ("AZURE_AD__CREDENTIAL__FILE", &file),
            (name, value),
        ];
        token(stage.variables(&client, &chosen))
            .await
            .unwrap_or_else(|error| panic!("{name} {value}: {error}"));
    }
}

#[tokio::test]
async fn a_pfx_with_a_password_gets_a_token_from_the_program() {
    let stage = Stage::strict().await;
    let pem = std::fs::read_to_string(fixture("certificate.pem")).unwrap();
    let der = super::der_of(&pem);
    let client = stage.client().with_certificate(&der).unwrap();
    let password = stage.file("password", "canary-password\n");
    let variables = stage.variables(
        &client,
        &[
            ("AZURE_AD__CREDENTIAL__KIND", "certificate"),
            ("AZURE_AD__CREDENTIAL__FILE", &fixture("modern.pfx")),
            ("AZURE_AD__CREDENTIAL__PASSWORD_FILE", &password),
        ],
    );
    let (code, shown, log) = client_app(&["token"], variables).await;
    assert_eq!(code, 0, "{log}");
    assert!(shown.contains(&client.client_id().to_string()), "{shown}");
}

#[tokio::test]
async fn a_certificate_that_is_not_registered_is_explained() {
    let stage = Stage::strict().await;
    let file = stage.file("client.pem", signer_pem());
    let error = token(stage.variables(&stage.client(), &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("AADSTS700027"), "{error}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 1);
}

#[tokio::test]
async fn a_replaced_file_is_used_for_the_next_token_without_a_restart() {
    let stage = Stage::strict().await;
    let client = stage.client();
    let file = stage.file("secret", "wrong\n");
    let secret = retriever(stage.variables(&client, &[("AZURE_AD__CLIENT_SECRET_FILE", &file)]));
    assert!(secret.token().await.unwrap_err().to_string().contains("AADSTS7000215"));
    stage.file("secret", client.secret().expose());
    assert!(secret.token().await.is_ok());

    let client = client.with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", std::fs::read(fixture("pkcs8.pem")).unwrap());
    let certificate = retriever(stage.variables(&client, &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]));
    assert!(certificate.token().await.unwrap_err().to_string().contains("AADSTS700027"));
    stage.file("client.pem", "half written");
    assert!(certificate.token().await.unwrap_err().to_string().contains("AADSTS700027"));
    stage.file("client.pem", signer_pem());
    // After two refusals in a row the second one is cached for a second, but not once its cause is gone.
    assert!(certificate.token().await.is_ok());
}

#[tokio::test]
async fn an_unusable_file_ends_the_program_at_its_start_with_file_and_remedy() {
    let stage = Stage::strict().await;
    let client = stage.client();
    let nowhere = stage.path("nowhere").display().to_string();
    let cases = [
        (fixture("mismatch.pem"), None, "does not belong to the certificate"),
        (fixture("ec.pem"), None, "an EC key"),
        (fixture("two-certificates.pem"), None, "several certificates"),
        (fixture("modern.pfx"), None, "set AZURE_CLIENT_CERTIFICATE_PASSWORD"),
        (
            fixture("modern.pfx"),
            Some("canary-wrong"),
            "with this password; correct AZURE_CLIENT_CERTIFICATE_PASSWORD",
        ),
        (nowhere.clone(), None, "No such file"),
    ];
    for (file, password, expected) in cases {
        let mut variables = stage.variables(&client, &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]);
        variables.extend(password.map(|text| ("AZURE_CLIENT_CERTIFICATE_PASSWORD", text.to_owned())));
        let (code, shown, log) = client_app(&["token"], variables).await;
        assert_eq!((code, shown.as_str()), (2, ""), "{log}");
        let error = log.lines().last().and_then(|line| line.strip_prefix("error: ")).unwrap();
        let start = "`azure_ad.client_certificate_file` (the settings): ";
        assert!(error.starts_with(start) && error.contains(&file) && error.contains(expected), "{error}");
        assert!(!log.contains("canary-wrong"), "{log}");
    }
    let variables = stage.variables(&client, &[("AZURE_FEDERATED_TOKEN_FILE", &nowhere)]);
    let (code, _, log) = client_app(&["serve"], variables).await;
    assert!(code == 2 && log.contains("`azure_ad.federated_token_file`") && log.contains(&nowhere), "{log}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 0);
}

#[cfg(unix)]
#[tokio::test]
async fn a_private_key_that_every_user_can_read_causes_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let stage = Stage::strict().await;
    let client = stage.client().with_certificate(signer().1.der()).unwrap();
    let file = stage.file("client.pem", signer_pem());
    for (mode, warnings) in [(0o600, 0), (0o640, 0), (0o644, 1)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let variables = stage.variables(&client, &[("AZURE_CLIENT_CERTIFICATE_PATH", &file)]);
        let (code, _, log) = client_app(&["token"], variables).await;
        let told =
            log.lines().filter(|line| line.contains("WARN") && line.contains("every user of this machine"));
        assert_eq!((code, told.count()), (0, warnings), "{log}");
    }
}
