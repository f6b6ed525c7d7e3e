//! Tokens of managed identities, from IMDS and from App Service.

use std::time::{Duration, Instant};

use entra_stand_in::{Authority, DEVELOPMENT_IDENTITY_HEADER, Endpoint, Fault};
use entra_token::{ConfigurationFault, ManagedIdentityFault, TokenError};
use tests::world::{RESOURCE, TENANT};

use super::{Variables, claim, client_app, token};

/// The seeded directory's system-assigned identity, and its user-assigned one.
const SYSTEM: &str = "7e21c9d4-50b8-4a3f-9d16-c84f0e5b7a29";
const USER: &str = "2b95f6e0-c7d3-4168-a8b4-06e1d97c35fa";
const USER_OBJECT: &str = "81fa3c6d-e470-4b92-95c8-d2b60e17f439";
const USER_RESOURCE: &str = "/subscriptions/5c1e8d07-b3f2-4a96-8e5d-09f7c64b2a13/resourceGroups/demo/providers/Microsoft.ManagedIdentity/userAssignedIdentities/demo-identity";

async fn machine() -> Authority {
    let any = ([127, 0, 0, 1], 0).into();
    Authority::builder().managed_identity_listen(Some(any)).spawn().await.unwrap()
}

fn regular(more: &[(&'static str, &str)]) -> Variables {
    let resource = format!("api://{RESOURCE}");
    let regular = [
        ("AZURE_AD__TENANT_ID", TENANT),
        ("RESOURCE__APP_ID_URI", resource.as_str()),
        ("AZURE_AD__CREDENTIAL__KIND", "managed_identity"),
    ];
    regular.into_iter().chain(more.iter().copied()).map(|(name, value)| (name, value.to_owned())).collect()
}

fn imds(authority: &Authority, more: &[(&'static str, &str)]) -> Variables {
    let url = authority.managed_identity_url().unwrap().to_string();
    regular(&[&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str())], more].concat())
}

fn app_service(authority: &Authority, header: &str, more: &[(&'static str, &str)]) -> Variables {
    let url = authority.managed_identity_url().unwrap().join("msi/token").unwrap().to_string();
    regular(&[&[("IDENTITY_ENDPOINT", url.as_str()), ("IDENTITY_HEADER", header)], more].concat())
}

#[tokio::test]
async fn each_endpoint_issues_a_token_of_the_named_identity() {
    let authority = machine().await;
    for (id, expected) in [
        (None, SYSTEM),
        (Some(("AZURE_AD__CREDENTIAL__CLIENT_ID", USER)), USER),
        (Some(("AZURE_AD__CREDENTIAL__OBJECT_ID", USER_OBJECT)), USER),
        (Some(("AZURE_AD__CREDENTIAL__RESOURCE_ID", USER_RESOURCE)), USER),
    ] {
        let more: Vec<_> = id.into_iter().collect();
        for variables in
            [imds(&authority, &more), app_service(&authority, DEVELOPMENT_IDENTITY_HEADER, &more)]
        {
            let token = token(variables).await.unwrap();
            assert_eq!(claim(&token, "azp"), expected, "{id:?}");
            let life = token.expires_at().duration_since(jiff::Timestamp::now());
            assert!((23..=24).contains(&life.as_hours()), "{life}");
        }
    }
}

#[tokio::test]
async fn azure_client_id_names_the_user_assigned_identity_unless_the_credential_does() {
    let authority = machine().await;
    let named = ("AZURE_CLIENT_ID", USER);
    let unknown = ("AZURE_CLIENT_ID", "00000000-0000-0000-0000-000000000001");
    let explicit = ("AZURE_AD__CREDENTIAL__OBJECT_ID", USER_OBJECT);
    let own = ("AZURE_AD__CLIENT_ID", SYSTEM);
    for (more, expected) in [
        (&[][..], SYSTEM),
        (&[own], SYSTEM),
        (&[named], USER),
        (&[named, own], USER),
        (&[unknown, explicit], USER),
    ] {
        for variables in [imds(&authority, more), app_service(&authority, DEVELOPMENT_IDENTITY_HEADER, more)]
        {
            let token = token(variables).await.unwrap();
            assert_eq!(claim(&token, "azp"), expected, "{more:?}");
        }
    }
    let error = token(imds(&authority, &[unknown])).await.unwrap_err().to_string();
    assert!(error.contains("(the variable AZURE_CLIENT_ID)"), "{error}");
    let explicit = ("AZURE_AD__CREDENTIAL__CLIENT_ID", unknown.1);
    let error = token(imds(&authority, &[named, explicit])).await.unwrap_err().to_string();
    assert!(error.contains("Identity not found") && !error.contains("AZURE_CLIENT_ID"), "{error}");
}

#[tokio::test]
async fn a_managed_identity_is_selected_by_azure_token_credentials_too() {
    let authority = machine().await;
    let url = authority.managed_identity_url().unwrap().to_string();
    let resource = format!("api://{RESOURCE}");
    let variables = |credentials: &str| {
        [
            ("AZURE_POD_IDENTITY_AUTHORITY_HOST", url.as_str()),
            ("AZURE_TOKEN_CREDENTIALS", credentials),
            ("AZURE_CLIENT_SECRET", "canary"),
            ("AZURE_USERNAME", "canary"),
            ("RESOURCE__APP_ID_URI", &resource),
        ]
        .into_iter()
        .map(|(name, value)| (name, value.to_owned()))
        .collect::<Variables>()
    };
    let (code, _, log) = client_app(&["token"], variables("ManagedIdentityCredential")).await;
    assert!(code == 0 && log.contains("AZURE_USERNAME") && !log.contains("canary"), "{log}");
    assert!(!log.contains("AZURE_TOKEN_CREDENTIALS"), "{log}");
    let (code, _, log) = client_app(&["token"], variables("dev")).await;
    assert!(code == 1 && log.contains("AZURE_TOKEN_CREDENTIALS") && !log.contains("canary"), "{log}");
}

#[tokio::test]
async fn it_needs_no_certificate_authorities() {
    let authority = machine().await;
    let folder = tempfile::tempdir().unwrap();
    let (empty, path) = (folder.path().join("empty.pem"), folder.path().display().to_string());
    std::fs::write(&empty, "").unwrap();
    for file in [empty.to_str().unwrap(), "/nowhere/ca.pem"] {
        let without_trust = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", &path)];
        let (code, shown, log) = client_app(&["token"], imds(&authority, &without_trust)).await;
        assert!(code == 0 && shown.contains(SYSTEM), "{shown}{log}");
        assert!(log.contains("only http can be used"), "{log}");
        // Any other credential needs https.
        let secret = [("AZURE_CLIENT_SECRET", "x")].into_iter().chain(without_trust);
        let secret = secret.map(|(name, value)| (name, value.to_owned())).collect();
        let (code, _, log) = client_app(&["token"], secret).await;
        assert!(code == 2 && log.contains("No CA certificates were loaded"), "{log}");
    }
}

#[tokio::test]
async fn a_transient_failure_is_retried_and_a_refusal_is_not() {
    let authority = machine().await;
    let tenant = authority.first_tenant();
    tenant.faults().on(Endpoint::ManagedIdentity, [Fault::status(500)]);
    assert!(token(imds(&authority, &[])).await.is_ok());
    tenant.journal().entries().expect(Endpoint::ManagedIdentity, 2);

    tenant.journal().clear();
    tenant.faults().on(Endpoint::ManagedIdentity, [Fault::too_many_requests(3600)]);
    let error = token(imds(&authority, &[])).await.unwrap_err();
    assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}");
    assert_eq!(error.retry_after(), Some(Duration::from_hours(1)));
    tenant.journal().entries().expect(Endpoint::ManagedIdentity, 1);

    let unknown = "00000000-0000-0000-0000-000000000001";
    let error = token(imds(&authority, &[("AZURE_AD__CREDENTIAL__CLIENT_ID", unknown)])).await.unwrap_err();
    assert!(error.to_string().contains("Identity not found"), "{error}");
    let TokenError::Configuration(ConfigurationFault::ManagedIdentity(fault)) = error else {
        panic!("{error:?}")
    };
    assert!(matches!(fault, ManagedIdentityFault::Refused { .. }), "{fault:?}");
    assert_eq!(fault.status().unwrap(), 400);
}

#[tokio::test]
async fn no_output_shows_the_header_or_the_token() {
    let authority = machine().await;
    let (code, shown, log) =
        client_app(&["token"], app_service(&authority, DEVELOPMENT_IDENTITY_HEADER, &[])).await;
    assert!(code == 0 && log.contains("acquired an access token of a managed identity"), "{log}");
    for canary in [DEVELOPMENT_IDENTITY_HEADER, "eyJ"] {
        assert!(!log.contains(canary) && !shown.contains(canary), "{canary} in {log}");
    }
    let (code, shown, log) = client_app(&["token"], app_service(&authority, "canary-header", &[])).await;
    assert!(code == 1 && log.contains("answered 401"), "{log}");
    assert!(!log.contains("canary") && !shown.contains("canary"), "{log}");
}

#[tokio::test]
async fn without_an_endpoint_the_error_comes_within_seconds_and_is_explained() {
    // Reserved for documentation (RFC 5737), so that nothing answers there.
    let start = Instant::now();
    let error =
        token(regular(&[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://192.0.2.1")])).await.unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(error.to_string().contains("no managed identity endpoint answers at 192.0.2.1"), "{error}");
}

#[tokio::test]
async fn the_endpoints_of_other_services_are_refused_at_the_start() {
    let variables =
        regular(&[("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token")]);
    let (code, _, log) = client_app(&["token"], variables).await;
    assert!(code == 2 && log.contains("`azure_ad.identity_header`") && log.contains("Azure Arc"), "{log}");
}
