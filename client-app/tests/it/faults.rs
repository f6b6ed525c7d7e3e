//! Authorities that misbehave below HTTP: each causes a typed error within the time limit, and nothing is cached.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use client_app::Settings;
use entra_shared::one_line;
use entra_token::{ConfigurationFault, Malformed, OutageCause, TokenError, TokenRetriever};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::peer::{SECRET, shows_no_canary};
use crate::raw_peer::{Behaviour, Certificate, RawPeer};

/// Names the kind of an error.
fn kind(error: &TokenError) -> &'static str {
    match error {
        TokenError::Unavailable(outage) => match outage.cause {
            OutageCause::TimedOut { .. } => "timed out",
            OutageCause::Unreachable { .. } => "unreachable",
            OutageCause::Status(_) => "status",
        },
        TokenError::Protocol { problem: Malformed::BrokenOff, .. } => "broken off",
        TokenError::Protocol { problem: Malformed::TooLarge, .. } => "too large",
        TokenError::Protocol { .. } => "malformed",
        TokenError::Configuration(ConfigurationFault::Untrusted { .. }) => "untrusted",
        other => panic!("{other:?}"),
    }
}

fn retriever(instance: &str, ca_pem: Option<&str>, folder: &std::path::Path) -> TokenRetriever {
    let mut variables = vec![
        ("AZURE_AD__INSTANCE", instance.to_owned()),
        ("AZURE_AD__CLIENT_SECRET", SECRET.to_owned()),
        ("HTTP_CLIENT__CONNECT_TIMEOUT_SECONDS", "1".to_owned()),
        ("HTTP_CLIENT__TIMEOUT_SECONDS", "1".to_owned()),
    ];
    if let Some(pem) = ca_pem {
        let path = folder.join(format!("{}.pem", uuid::Uuid::new_v4()));
        std::fs::write(&path, pem).unwrap();
        variables.push(("HTTP_CLIENT__CA_FILE", path.display().to_string()));
    }
    let settings = Settings::load(None, variables.into_iter().collect()).unwrap();
    settings.token_retriever(settings.http_client().unwrap()).unwrap()
}

fn answer(headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{headers}\r\n{body}").into_bytes()
}

const TOKEN: &str = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary"}"#;

#[tokio::test]
async fn an_answer_that_breaks_http_is_a_typed_error_within_the_limit() {
    use Behaviour::{Drips, IsSilent, Pours, Resets, Sends, SpeaksPlainly};
    let short = answer("content-length: 500\r\n", TOKEN);
    let long = answer("content-length: 30\r\n", TOKEN);
    let aborted = answer("transfer-encoding: chunked\r\n", "41\r\n{\"token_type\":");
    let no_chunk = answer("transfer-encoding: chunked\r\n", "canary\r\n");
    let endless = answer("content-length: 1000000000\r\n", "{");
    let zipped = answer("content-encoding: gzip\r\ncontent-length: 4\r\n", "\u{1f}canary");
    let cases = [
        (Sends(b"canary\r\n\r\n".to_vec()), "unreachable"),
        (Sends(b"HTTP/1.1 200 OK\r\n".to_vec()), "unreachable"),
        (Sends(b"HTTP/1.1 200 OK\r\ncontent-type application/json\r\n\r\n{}".to_vec()), "unreachable"),
        (Sends(short), "broken off"),
        (Sends(long), "malformed"),
        (Sends(aborted), "broken off"),
        (Sends(no_chunk), "broken off"),
        (Sends(zipped), "malformed"),
        (Drips(b"HTTP/1.1 200 OK\r\nx-".to_vec()), "timed out"),
        (Drips(endless.clone()), "timed out"),
        (Pours(endless), "too large"),
        (Pours(b"HTTP/1.1 200 OK\r\nx-".to_vec()), "unreachable"),
        (Resets, "unreachable"),
        (IsSilent, "timed out"),
        (SpeaksPlainly, "unreachable"),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut running = JoinSet::new();
    for (behaviour, expected) in cases {
        let peer = RawPeer::start(behaviour.clone(), Certificate::Good).await;
        let retriever = retriever(&peer.url, Some(&peer.ca_pem), folder.path());
        running.spawn(async move {
            let before = Instant::now();
            let error = retriever.token().await.unwrap_err();
            assert_eq!(kind(&error), expected, "{behaviour:?}: {error:?}");
            // Two attempts of a second each, with a margin for a busy machine.
            assert!(before.elapsed() < Duration::from_secs(20), "{behaviour:?}: {:?}", before.elapsed());
            assert!(retriever.kept_token().is_none());
            // Outages and truncated responses are retried once; malformed responses are not.
            let tries = if error.is_retryable() { 2 } else { 1 };
            assert_eq!(peer.connections.load(Ordering::Relaxed), tries, "{behaviour:?}");
            let text = format!("{error} {error:?} {}", one_line(&error));
            shows_no_canary(&text);
            assert!(text.len() < 8000 && !one_line(&error).chars().any(char::is_control), "{text}");
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn an_authority_that_cannot_be_trusted_sees_no_byte_of_the_form() {
    let folder = tempfile::tempdir().unwrap();
    for certificate in [
        Certificate::Expired,
        Certificate::NotYetValid,
        Certificate::ForAnotherHost,
        Certificate::ForClients,
        Certificate::Good,
    ] {
        let peer = RawPeer::start(Behaviour::Sends(answer("", TOKEN)), certificate).await;
        // The valid one is signed by an unknown CA.
        let ca_pem = Some(peer.ca_pem.as_str()).filter(|_| certificate != Certificate::Good);
        let error = retriever(&peer.url, ca_pem, folder.path()).token().await.unwrap_err();
        assert_eq!(kind(&error), "untrusted", "{certificate:?}: {error:?}");
        assert!(!error.is_retryable());
        assert_eq!(peer.bytes_seen.load(Ordering::Relaxed), 0, "{certificate:?}");
        assert_eq!(peer.connections.load(Ordering::Relaxed), 1, "{certificate:?}");
    }
}

#[tokio::test]
async fn an_authority_that_speaks_no_tls_sees_no_byte_of_the_form() {
    let folder = tempfile::tempdir().unwrap();
    for behaviour in [Behaviour::SpeaksPlainly, Behaviour::IsSilent] {
        let peer = RawPeer::start(behaviour.clone(), Certificate::Good).await;
        retriever(&peer.url, Some(&peer.ca_pem), folder.path()).token().await.unwrap_err();
        assert_eq!(peer.connections.load(Ordering::Relaxed), 2, "{behaviour:?}");
        let raw = peer.raw.lock().unwrap().clone();
        // At most a handshake record, and no readable request.
        assert!(raw.is_empty() || raw[0] == 0x16, "{behaviour:?}");
        assert!(behaviour == Behaviour::SpeaksPlainly || !raw.is_empty());
        let text = String::from_utf8_lossy(&raw).into_owned();
        shows_no_canary(&text);
        assert!(!["POST", "client_", "grant_type"].iter().any(|part| text.contains(part)), "{text}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_secret_file_that_becomes_a_pipe_does_not_block_token_requests() {
    use crate::peer::Peers;
    let peers = Peers::start().await;
    let path = peers.folder().join("secret");
    std::fs::write(&path, SECRET).unwrap();
    let open = || {
        let secret = ("AZURE_AD__CLIENT_SECRET_FILE", path.display().to_string());
        let others = peers.variables().into_iter().filter(|(name, _)| *name != "AZURE_AD__CLIENT_SECRET");
        let settings = Settings::load(None, others.chain([secret]).collect()).unwrap();
        settings.token_retriever(settings.http_client().unwrap())
    };
    let retriever = open().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    let token = tokio::time::timeout(Duration::from_secs(20), retriever.token()).await.expect("it ends");
    assert!(token.is_ok());
    let error = open().unwrap_err().to_string();
    assert!(error.contains("is not a regular file") && error.contains("secret"), "{error}");
}

#[tokio::test]
async fn an_authority_that_is_not_there_is_an_outage_that_names_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    drop(listener);
    for (instance, expected) in
        [(refused.as_str(), "unreachable"), ("https://authority.invalid", "unreachable")]
    {
        let error = retriever(instance, None, folder.path()).token().await.unwrap_err();
        assert_eq!(kind(&error), expected, "{error:?}");
        assert!(error.is_retryable());
        let host = instance.strip_prefix("https://").unwrap();
        assert!(error.to_string().contains(host), "{error}");
    }
}
