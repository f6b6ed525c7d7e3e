//! Tokens of another identity provider as credentials.

use std::sync::Arc;

use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_stand_in::{Client, Endpoint};
use http_shell::server::Server;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use tests::world::now;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Stage, claim, client_app, retriever, signer, token};

const AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:demo:client";

/// An identity provider on this machine; its only key is the signer's.
struct Issuer {
    url: String,
    _shutdown: DropGuard,
}

impl Issuer {
    async fn start() -> Self {
        let listener = Server::bind_address(([127, 0, 0, 1], 0).into(), None).await.unwrap();
        let url = format!("http://{}", listener.address());
        let document = Arc::new(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }));
        let pair = RsaKeyPair::from_pkcs8(&signer().0.serialize_der()).unwrap();
        let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let keys = json!({ "keys": [{
            "kty": "RSA", "use": "sig", "kid": "one",
            "n": text(n.big_endian_without_leading_zero()), "e": text(e.big_endian_without_leading_zero()),
        }]});
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(async move || Json((*document).clone())))
            .route("/keys", get(async move || Json(keys.clone())));
        let shutdown = CancellationToken::new();
        tokio::spawn(listener.serve(routes, shutdown.clone()));
        Self { url, _shutdown: shutdown.drop_guard() }
    }

    /// A token that is valid for so many seconds from now.
    fn token(&self, life: i64) -> String {
        let header = Header { kid: Some("one".to_owned()), ..Header::new(Algorithm::RS256) };
        let claims = json!({
            "iss": self.url, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now() - 7200, "nbf": now() - 7200,
            "exp": now() + life,
        });
        let key = EncodingKey::from_rsa_pem(signer().0.serialize_pem().as_bytes()).unwrap();
        encode(&header, &claims, &key).unwrap()
    }

    fn trusted_by(&self, client: Client) -> Client {
        client.with_federated(&self.url, SUBJECT, AUDIENCE).unwrap()
    }
}

#[tokio::test]
async fn a_token_in_a_file_gets_a_token_and_its_successor_is_picked_up() {
    let (stage, issuer) = (Stage::strict().await, Issuer::start().await);
    let client = issuer.trusted_by(stage.client());
    let file = stage.file("token", issuer.token(-3600));
    let retriever = retriever(stage.variables(&client, &[("AZURE_FEDERATED_TOKEN_FILE", &file)]));
    let error = retriever.token().await.unwrap_err();
    assert!(error.to_string().contains("AADSTS700024"), "{error}");
    stage.tenant.journal().entries().expect(Endpoint::Token, 1);
    stage.file("token", format!("{}\n", issuer.token(3600)));
    assert_eq!(claim(&retriever.token().await.unwrap(), "azpacr"), "2");
    stage.tenant.journal().entries().expect(Endpoint::Token, 2);
}

#[tokio::test]
async fn an_assertion_that_is_called_a_malformed_request_gives_its_turn_to_the_secret_and_is_read_again() {
    let (stage, issuer) = (Stage::strict().await, Issuer::start().await);
    let untrusted = stage.client();
    // First no federated credential at all, and then an assertion that is no JWT.
    for (text, expected) in [(issuer.token(3600), 70021), ("canary.canary.canary".to_owned(), 50027)] {
        stage.tenant.journal().clear();
        let files = [stage.file("token", text), stage.file("secret", untrusted.secret().expose())];
        let list = [("federated", files[0].as_str()), ("secret", files[1].as_str())];
        let settings = super::list::settings_with(&stage, &untrusted, &list);
        assert!(super::list::retriever(&settings).token().await.is_ok(), "{expected}");
        let refused: Vec<Option<u32>> =
            stage.tenant.journal().entries().iter().map(|entry| entry.aadsts).collect();
        assert_eq!(refused, [Some(expected), None]);
    }
    let trusting = issuer.trusted_by(untrusted);
    let file = stage.file("token", "canary.canary.canary");
    let retriever = retriever(stage.variables(&trusting, &[("AZURE_FEDERATED_TOKEN_FILE", &file)]));
    for _ in 0..2 {
        let error = retriever.token().await.unwrap_err();
        assert!(error.to_string().contains("AADSTS50027"), "{error}");
    }
    stage.file("token", issuer.token(3600));
    assert!(retriever.token().await.is_ok());
}

#[tokio::test]
async fn an_unknown_subject_is_explained_and_no_output_shows_the_token() {
    let (stage, issuer) = (Stage::strict().await, Issuer::start().await);
    let client = stage.client().with_federated(&issuer.url, "canary-subject", AUDIENCE).unwrap();
    let text = issuer.token(3600);
    let file = stage.file("token", &text);
    let variables = stage.variables(&client, &[("AZURE_FEDERATED_TOKEN_FILE", &file)]);
    let (code, shown, log) = client_app(&["token"], variables).await;
    assert!(code == 1 && log.contains("AADSTS700213"), "{log}");
    for part in text.split('.') {
        assert!(!log.contains(part) && !shown.contains(part), "{log}");
    }
}

#[tokio::test]
async fn of_azures_variables_the_secret_counts_first_then_the_certificate() {
    let (stage, issuer) = (Stage::strict().await, Issuer::start().await);
    let client = issuer.trusted_by(stage.client()).with_certificate(signer().1.der()).unwrap();
    let federated = stage.file("token", issuer.token(3600));
    let certificate = stage.file("client.pem", super::signer_pem());
    let all = [
        ("AZURE_CLIENT_SECRET", client.secret().expose()),
        ("AZURE_CLIENT_CERTIFICATE_PATH", certificate.as_str()),
        ("AZURE_FEDERATED_TOKEN_FILE", federated.as_str()),
    ];
    for (from, chosen, passed_over) in [
        (
            0,
            "client secret of azure_ad.client_secret",
            "client_certificate_file, azure_ad.federated_token_file",
        ),
        (1, "certificate in ", "\"azure_ad.federated_token_file\""),
        (2, "federated token in ", "\"\""),
    ] {
        let variables = stage.variables(&client, &all[from..]);
        assert!(token(variables.clone()).await.is_ok(), "{chosen}");
        let (_, _, log) = client_app(&["token"], variables).await;
        let line = log.lines().find(|line| line.contains("acquiring tokens with")).unwrap();
        assert!(line.contains(chosen) && line.contains(passed_over), "{line}");
    }
}

#[tokio::test]
async fn a_file_that_holds_no_token_ends_the_program_at_its_start() {
    let stage = Stage::strict().await;
    let client = stage.client();
    let folder = stage.path("folder");
    std::fs::create_dir(&folder).unwrap();
    let cases = [
        (stage.path("absent").display().to_string(), "No such file"),
        (folder.display().to_string(), "directory"),
        (stage.file("empty", "\n"), "is not a token"),
        (stage.file("json", "{\"access_token\": \"canary\"}"), "is not a token"),
        (stage.file("large", vec![b'a'; 10 * 1024 * 1024]), "is larger than 65536 bytes"),
    ];
    for (file, expected) in cases {
        let variables = stage.variables(&client, &[("AZURE_FEDERATED_TOKEN_FILE", &file)]);
        let (code, _, log) = client_app(&["token"], variables).await;
        let error = log.lines().last().unwrap();
        assert!(code == 2 && error.contains(&file) && error.contains(expected), "{error}");
        assert!(!log.contains("canary"), "{log}");
    }
}
