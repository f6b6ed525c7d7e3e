//! The settings behind a request to the token endpoint.

use client_app::Settings;
use entra_token::TokenRetriever;
use uuid::Uuid;

use crate::peer::{Peers, SECRET, TOKEN};

fn retriever(settings: &Settings) -> TokenRetriever {
    settings.token_retriever(settings.http_client().unwrap()).unwrap()
}

#[tokio::test]
async fn the_v2_endpoint_is_asked_by_scope_and_the_v1_endpoint_by_resource() {
    let encoded =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("client_secret", SECRET).finish();
    let common = "grant_type=client_credentials&client_id=3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
    let app_id_uri = "api%3A%2F%2Fb1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
    for (version, domain, path, resource) in [
        ("2.0", "contoso.com", "/contoso.com/oauth2/v2.0/token", format!("scope={app_id_uri}%2F.default")),
        ("1.0", "", "/8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20/oauth2/token", format!("resource={app_id_uri}")),
    ] {
        let peers = Peers::start().await;
        let settings =
            peers.settings_with(&[("AZURE_AD__ENDPOINT_VERSION", version), ("AZURE_AD__DOMAIN", domain)]);
        let token = retriever(&settings).token().await.unwrap();
        assert_eq!(token.access_token().expose(), TOKEN);
        let asked = &peers.authority.asked()[0];
        assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", path));
        assert_eq!(asked.body, format!("{common}&{resource}&{encoded}"));
        assert_eq!(asked.headers["content-type"], "application/x-www-form-urlencoded");
        assert_eq!(asked.headers["accept"], "application/json");
        assert_eq!(asked.headers["return-client-request-id"], "true");
        assert!(Uuid::parse_str(asked.headers["client-request-id"].to_str().unwrap()).is_ok());
        assert!(!asked.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_secret_in_a_variable_loses_line_breaks_and_blanks_as_one_in_a_file_does() {
    let peers = Peers::start().await;
    for (secret, sent) in [("canary\n", "canary"), ("canary\r\n", "canary"), (" canary \n\n", "canary")] {
        let settings = peers.settings_with(&[("AZURE_AD__CLIENT_SECRET", secret)]);
        retriever(&settings).token().await.unwrap();
        let body = peers.authority.asked().pop().unwrap().body;
        assert!(body.ends_with(&format!("&client_secret={sent}")), "{body}");
    }
}
