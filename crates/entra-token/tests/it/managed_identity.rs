//! A misbehaving managed identity endpoint, and how often it is called.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::metadata_client;
use entra_shared::ids::AppIdUri;
use entra_shared::secret::IdentityHeader;
use entra_token::{
    ConfigurationFault, IdentityEndpoint, Malformed, ManagedIdentity, ManagedIdentityFault, OutageCause,
    TokenError, TokenRetriever,
};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use url::Url;

use crate::peer::{Peer, Scripted, TOKEN, shows_no_canary};

fn imds(peer: &Peer) -> IdentityEndpoint {
    IdentityEndpoint::Imds(Url::parse(&peer.url).unwrap())
}

fn retriever_at(endpoint: IdentityEndpoint) -> TokenRetriever {
    let identity = ManagedIdentity {
        endpoint,
        user_assigned: None,
        resource: AppIdUri::parse("api://x").unwrap(),
        http: metadata_client().unwrap(),
    };
    TokenRetriever::new(identity, metadata_client().unwrap())
}

fn retriever(peer: &Peer) -> TokenRetriever {
    retriever_at(imds(peer))
}

async fn error(peer: &Peer) -> TokenError {
    let error = retriever(peer).token().await.unwrap_err();
    shows_no_canary(&format!("{error} {error:?}"));
    error
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
        (Scripted::json(200, "{}"), Malformed::Missing("access_token")),
        (
            Scripted::json(200, format!(r#"{{"access_token":"",{life}}}"#)),
            Malformed::Unusable("access_token"),
        ),
        (
            Scripted::json(200, format!(r#"{{"access_token":"canary\r\nx",{life}}}"#)),
            Malformed::Unusable("access_token"),
        ),
        (Scripted::json(200, r#"{"access_token":"canary"}"#), Malformed::Missing("expires_on")),
        (token(r#""expires_in":"soon""#), Malformed::Unusable("expires_in")),
        (
            Scripted::json(200, r#"{"access_token":"canary","expires_on":"soon"}"#),
            Malformed::Unusable("expires_on"),
        ),
        (
            Scripted::json(200, format!(r#"{{"access_token":"canary","token_type":"pop",{life}}}"#)),
            Malformed::TokenType,
        ),
        (token(r#""expires_in":"0""#), Malformed::Lifetime),
        (token(r#""expires_on":"1000""#), Malformed::Lifetime),
        (Scripted::json(200, vec![b' '; 1024 * 1024 + 1]), Malformed::TooLarge),
        (Scripted::new(302, "").header("location", "/canary"), Malformed::Status),
        (Scripted::new(204, ""), Malformed::Status),
    ] {
        let shown = format!("{answer:?}").chars().take(200).collect::<String>();
        peer.answers(answer);
        match error(&peer).await {
            TokenError::Protocol { problem, .. } => assert_eq!(problem, expected, "{shown}"),
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
    let refused = error(&peer).await;
    assert!(!refused.is_retryable() && refused.status().unwrap().as_u16() == 400, "{refused:?}");
    let sent = peer.asked()[0].headers["x-ms-client-request-id"].to_str().unwrap().to_owned();
    let told = refused.to_string();
    assert!(told.contains(&sent) && refused.correlation_id().unwrap().to_string() == sent, "{told}");
    assert!(told.contains("Identity not found") && told.len() < 700, "{told}");
    assert!(!told.chars().any(char::is_control), "{told}");
    // Docker Desktop's proxy.
    peer.answers(Scripted::new(403, "connecting to 169.254.169.254:80: dial tcp: connectex: A socket operation was attempted to an unreachable network."));
    let unreachable = error(&peer).await;
    let fault = ConfigurationFault::ManagedIdentity;
    assert_eq!(unreachable.to_string(), {
        let host = peer.url.strip_prefix("http://").unwrap().to_owned();
        fault(ManagedIdentityFault::NoEndpoint { host, source: None }).to_string()
    });
    assert_eq!(peer.asked().len(), 2);
}

#[tokio::test]
async fn a_long_wait_is_the_callers_to_decide_and_the_endpoint_is_left_alone_meanwhile() {
    let in_a_minute = jiff::Timestamp::now() + Duration::from_secs(61);
    let date = in_a_minute.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (wait, least, most) in [("60", 58, 60), (date.as_str(), 50, 61), ("18446744073709551615", 3590, 3600)]
    {
        let peer = Peer::resource().await;
        peer.answers(Scripted::new(429, "Too Many Requests").header("retry-after", wait));
        let retriever = retriever(&peer);
        for _ in 0..3 {
            let error = retriever.token().await.unwrap_err();
            assert!(matches!(error, TokenError::Throttled { .. }) && error.is_retryable(), "{error:?}");
            let left = error.retry_after().unwrap().as_secs();
            assert!((least..=most).contains(&left), "{left} for {wait}");
            assert!(error.correlation_id().is_some());
        }
        assert_eq!(peer.asked().len(), 1, "{wait}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again() {
    let peer = Peer::resource().await;
    peer.answers(Scripted::json(200, "{").breaking_off()).answers(token(r#""expires_in":"3599""#));
    assert!(retriever(&peer).token().await.is_ok());
    assert_eq!(peer.asked().len(), 2);
}

#[tokio::test]
async fn a_connection_that_is_reset_may_pass_and_one_that_is_refused_means_that_nothing_is_there() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endpoint = || IdentityEndpoint::Imds(Url::parse(&format!("http://{address}")).unwrap());
    let resets = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 1024]).await;
        // A linger time of zero resets the connection instead of closing it.
        stream.set_zero_linger().unwrap();
    });
    let asking = tokio::spawn({
        let retriever = retriever_at(endpoint());
        async move { retriever.token().await.unwrap_err() }
    });
    // The first connection is reset, and the second attempt is refused.
    resets.await.unwrap();
    let refused = asking.await.unwrap();
    assert!(
        !refused.is_retryable() && refused.to_string().contains("no managed identity endpoint"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_endpoint_that_resets_every_connection_is_an_outage() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            stream.set_zero_linger().unwrap();
        }
    });
    let error = retriever_at(IdentityEndpoint::Imds(Url::parse(&url).unwrap())).token().await.unwrap_err();
    let TokenError::Unavailable(outage) = &error else { panic!("{error:?}") };
    assert!(matches!(outage.cause, OutageCause::Unreachable { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_that_repeats_the_header_makes_no_error_show_it() {
    for body in [r#"{"message":"ECHO"}"#, "ECHO and more"] {
        let peer = Peer::resource().await;
        peer.answers(Scripted::json(401, body).echoing());
        let url = Url::parse(&format!("{}/msi/token", peer.url)).unwrap();
        let header = IdentityHeader::parse("canary+/~\"").unwrap();
        let error = retriever_at(IdentityEndpoint::AppService { url, header }).token().await.unwrap_err();
        assert!(error.to_string().contains("[redacted]"), "{error}");
        shows_no_canary(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn the_endpoint_says_when_its_token_is_renewed() {
    let peer = Peer::resource().await;
    peer.answers(token(r#""expires_in":"86400","refresh_in":"1""#));
    peer.answers(token(r#""expires_in":"86400""#));
    let retriever = retriever(&peer);
    let first = retriever.token().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1050)).await;
    while Arc::ptr_eq(&first, &retriever.token().await.unwrap()) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(peer.asked().len(), 2);
}
