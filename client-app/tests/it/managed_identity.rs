//! A managed identity endpoint that misbehaves, and how often it is asked.

use std::time::Duration;

use client_app::token::{
    IdentityEndpoint, Malformed, ManagedIdentity, ManagedIdentityError, TokenError, TokenRetriever,
};
use shared::http_client::metadata_client;
use shared::ids::AppIdUri;
use url::Url;

use crate::peer::{Peer, Scripted, TOKEN, shows_no_canary};

fn retriever(peer: &Peer) -> TokenRetriever {
    let identity = ManagedIdentity {
        endpoint: IdentityEndpoint::Imds(Url::parse(&peer.url).unwrap()),
        user_assigned: None,
        resource: AppIdUri::parse("api://x").unwrap(),
        http: metadata_client().unwrap(),
    };
    TokenRetriever::new(identity, metadata_client().unwrap())
}

async fn error(peer: &Peer) -> ManagedIdentityError {
    let error = retriever(peer).token().await.unwrap_err();
    shows_no_canary(&format!("{error} {error:?}"));
    match error {
        TokenError::ManagedIdentity(error) => error,
        other => panic!("{other:?}"),
    }
}

fn token(life: &str) -> Scripted {
    Scripted::json(200, format!(r#"{{"access_token":"{TOKEN}","token_type":"Bearer",{life}}}"#))
}

#[tokio::test]
async fn a_token_has_the_life_that_any_of_its_forms_says() {
    let peer = Peer::resource().await;
    let on = jiff::Timestamp::now().as_second() + 3000;
    for life in [
        r#""expires_in":"3599""#.to_owned(),
        format!(r#""expires_on":"{on}""#),
        format!(r#""expires_on":{on},"expires_in":"86400""#),
    ] {
        peer.answers(token(&life));
        let token = retriever(&peer).token().await.unwrap();
        let left = token.expires_at().duration_since(jiff::Timestamp::now()).as_secs();
        assert!((2990..3600).contains(&left), "{life}: {left}");
    }
    let asked = peer.asked();
    assert_eq!(asked[0].headers["metadata"], "true");
    assert_eq!(
        asked[0].target,
        "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2Fx"
    );
}

#[tokio::test]
async fn what_is_no_token_is_a_typed_error_that_shows_none_of_it() {
    let life = r#""expires_in":"3599""#;
    let peer = Peer::resource().await;
    for (answer, expected) in [
        (Scripted::new(200, "<html>canary</html>"), Malformed::NotJson),
        (Scripted::json(200, ""), Malformed::NotJson),
        (Scripted::json(200, "{}"), Malformed::NotATokenResponse),
        (Scripted::json(200, format!(r#"{{"access_token":"",{life}}}"#)), Malformed::NotATokenResponse),
        (
            Scripted::json(200, format!(r#"{{"access_token":"canary\r\nx",{life}}}"#)),
            Malformed::NotATokenResponse,
        ),
        (Scripted::json(200, r#"{"access_token":"canary"}"#), Malformed::NotATokenResponse),
        (
            Scripted::json(200, r#"{"access_token":"canary","expires_on":"soon"}"#),
            Malformed::NotATokenResponse,
        ),
        (
            Scripted::json(200, format!(r#"{{"access_token":"canary","token_type":"pop",{life}}}"#)),
            Malformed::TokenType,
        ),
        (token(r#""expires_in":"0""#), Malformed::Lifetime),
        (token(r#""expires_on":"1000""#), Malformed::Lifetime),
        (Scripted::json(200, vec![b' '; 1024 * 1024 + 1]), Malformed::TooLarge),
        (Scripted::json(200, "{").breaking_off(), Malformed::BrokenOff),
        (Scripted::new(302, "").header("location", "/canary"), Malformed::Status),
        (Scripted::new(204, ""), Malformed::Status),
    ] {
        let shown = format!("{answer:?}").chars().take(200).collect::<String>();
        peer.answers(answer);
        match error(&peer).await {
            ManagedIdentityError::Malformed { problem, .. } => assert_eq!(problem, expected, "{shown}"),
            other => panic!("{other:?} for {shown}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_is_told_in_one_bounded_line_and_not_asked_about_again() {
    let peer = Peer::resource().await;
    let text = format!("Identity not found\\r\\n\\u001b[31m{}", "x".repeat(10_000));
    peer.answers(Scripted::json(
        400,
        format!(r#"{{"error":"invalid_request","error_description":"{text}"}}"#),
    ));
    let told = error(&peer).await.to_string();
    assert!(told.contains("Identity not found") && told.len() < 700, "{told}");
    assert!(!told.chars().any(char::is_control), "{told}");
    // Docker Desktop's proxy.
    peer.answers(Scripted::new(403, "connecting to 169.254.169.254:80: dial tcp: connectex: A socket operation was attempted to an unreachable network."));
    assert!(matches!(error(&peer).await, ManagedIdentityError::Unreachable { .. }));
    assert_eq!(peer.asked().len(), 2);
}

#[tokio::test]
async fn a_long_wait_is_the_callers_to_decide() {
    let peer = Peer::resource().await;
    peer.answers(Scripted::new(429, "Too Many Requests").header("retry-after", "60"));
    let error = error(&peer).await;
    assert_eq!((error.status().unwrap().as_u16(), error.retry_after()), (429, Some(Duration::from_mins(1))));
    assert!(error.is_retryable());
    assert_eq!(peer.asked().len(), 1);
}
