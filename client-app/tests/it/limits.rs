//! The total time limit of a call of the resource.

use std::time::Duration;

use client_app::resource_client::{Paging, ResourceClient, ResourceError};
use entra_token::Awaited;
use tokio::time::Instant;

use crate::peer::{Peer, Peers, Scripted};

/// A delay longer than any limit.
const HANGS: Duration = Duration::from_hours(1);

fn patient(peers: &Peers) -> ResourceClient {
    peers.settings_with(&[("HTTP_CLIENT__TIMEOUT_SECONDS", "3600")]).resource_client().unwrap()
}

async fn asked(peer: &Peer, times: usize) {
    while peer.asked().len() < times {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn awaited(error: &ResourceError) -> Awaited {
    match error {
        ResourceError::TimedOut { awaited, .. } => *awaited,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_resource_that_hangs_is_given_up_after_25_seconds() {
    let peers = Peers::start().await;
    peers.resource.answers(Scripted::new(200, "").after(HANGS));
    let client = patient(&peers);
    let start = Instant::now();
    let call = tokio::spawn(async move { client.list(&Paging::default()).await });
    asked(&peers.resource, 1).await;
    tokio::time::pause();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(awaited(&error), Awaited::Response);
    // From here on the paused clock jumps from timer to timer, so the elapsed time identifies the limit.
    assert_eq!(start.elapsed().as_secs(), 25);
    assert!(error.to_string().starts_with("no complete response in 25 s; request id "), "{error}");
}

#[tokio::test]
async fn what_a_refusal_took_is_no_longer_there_for_the_next_try() {
    let peers = Peers::start().await;
    let refused = Scripted::new(401, "").header("www-authenticate", r#"Bearer error="invalid_token""#);
    peers
        .resource
        .answers(refused.after(Duration::from_millis(1500)))
        .answers(Scripted::new(200, "").after(HANGS));
    let client = patient(&peers);
    client.token().await.unwrap();
    let start = Instant::now();
    let error = client.within(Duration::from_secs(2)).list(&Paging::default()).await.unwrap_err();
    assert_eq!(awaited(&error), Awaited::Response);
    // It would be two seconds longer if the second attempt had a full time limit of its own.
    assert!(start.elapsed() < Duration::from_millis(3400), "{:?}", start.elapsed());
    assert_eq!(peers.resource.asked().len(), 2);
}

#[tokio::test]
async fn an_authority_that_hangs_takes_no_more_than_the_limit_either() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::new(200, "").after(HANGS));
    let client = patient(&peers).within(Duration::from_millis(300));
    let error = client.list(&Paging::default()).await.unwrap_err();
    assert_eq!(awaited(&error), Awaited::Token);
    assert!(peers.resource.asked().is_empty());
}

#[tokio::test]
async fn a_body_that_does_not_end_is_given_up_with_the_call() {
    let peers = Peers::start().await;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{")
            .await
            .unwrap();
        tokio::time::sleep(HANGS).await;
    });
    let settings =
        peers.settings_with(&[("RESOURCE__BASE_URL", &url), ("HTTP_CLIENT__TIMEOUT_SECONDS", "3600")]);
    let client = settings.resource_client().unwrap();
    client.token().await.unwrap();
    let client = client.within(Duration::from_secs(1));
    assert_eq!(awaited(&client.list(&Paging::default()).await.unwrap_err()), Awaited::Response);
}
