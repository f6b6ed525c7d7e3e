//! Lost connections to the resource: which requests are retried.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client_app::resource_client::{Paging, ResourceClient, ResourceError};
use entra_shared::resource::{Content, NewResource};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use uuid::Uuid;

use crate::peer::Peers;
use crate::resource_client::resource;

/// What a resource does with a connection.
#[derive(Debug, Clone, Copy)]
enum On {
    /// Resets it after accepting it.
    Connect,
    /// Resets it after receiving the request.
    Request,
    /// Closes it after receiving the request.
    End,
    /// Responds.
    Answer,
}

/// The complete requests that a resource received.
type Seen = Arc<Mutex<Vec<String>>>;

/// Starts a resource that treats its first connections in one way and then responds.
async fn losing(first: Vec<On>, peers: &Peers) -> (ResourceClient, Seen) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Seen::default();
    let see = Arc::clone(&seen);
    tokio::spawn(async move {
        let mut first = first.into_iter();
        while let Ok((stream, _)) = listener.accept().await {
            serve(stream, first.next().unwrap_or(On::Answer), &see).await;
        }
    });
    (peers.settings_with(&[("RESOURCE__BASE_URL", &url)]).resource_client().unwrap(), seen)
}

async fn serve(mut stream: TcpStream, on: On, seen: &Seen) {
    if matches!(on, On::Connect) {
        return stream.set_zero_linger().unwrap();
    }
    let request = read(&mut stream).await;
    let is_post = request.starts_with("POST");
    seen.lock().unwrap().push(request);
    match on {
        On::Connect | On::End => (),
        // A linger time of zero resets the connection instead of closing it.
        On::Request => stream.set_zero_linger().unwrap(),
        On::Answer => {
            let (status, body) = if is_post {
                ("201 Created", resource(Uuid::nil()).to_string())
            } else {
                ("200 OK", r#"{"items":[]}"#.to_owned())
            };
            let head =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.unwrap();
        }
    }
}

/// Reads one request with its body.
async fn read(stream: &mut TcpStream) -> String {
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return text,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
}

fn new() -> NewResource {
    NewResource { name: "first".into(), content: Content::parse("1").unwrap() }
}

fn lines(seen: &Seen, name: &str) -> Vec<String> {
    let seen = seen.lock().unwrap();
    seen.iter()
        .map(|request| request.lines().find(|line| line.starts_with(name)).unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_read_is_retried_once_no_matter_when_the_connection_was_lost() {
    for (lost, read) in [(On::Connect, 1), (On::Request, 2), (On::End, 2)] {
        let peers = Peers::start().await;
        let (client, seen) = losing(vec![lost], &peers).await;
        client.list(&Paging::default()).await.unwrap();
        assert_eq!(lines(&seen, "GET").len(), read, "{lost:?}");

        let (client, seen) = losing(vec![lost; 2], &peers).await;
        let error = client.list(&Paging::default()).await.unwrap_err();
        assert!(matches!(error, ResourceError::Unreachable { .. }), "{error:?}");
        assert_eq!(lines(&seen, "GET").len(), 2 * read - 2, "{lost:?}");
    }
}

#[tokio::test]
async fn a_creation_is_sent_again_with_its_key_and_never_without_one() {
    let peers = Peers::start().await;
    for lost in [On::Request, On::End] {
        let (client, seen) = losing(vec![lost], &peers).await;
        client.create(&new(), Some("key-1")).await.unwrap();
        assert_eq!(lines(&seen, "idempotency-key"), ["idempotency-key: key-1"; 2], "{lost:?}");
        let bodies: Vec<String> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned())
            .collect();
        assert_eq!(bodies[0], bodies[1]);

        let (client, seen) = losing(vec![lost], &peers).await;
        let error = client.create(&new(), None).await.unwrap_err();
        assert!(matches!(error, ResourceError::Unreachable { .. }), "{error:?}");
        assert_eq!(lines(&seen, "POST").len(), 1, "{lost:?}");
    }
}

#[tokio::test]
async fn a_creation_without_a_key_is_sent_again_if_there_was_no_connection() {
    let peers = Peers::start().await;
    // A bound socket refuses connections until it listens.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let client = peers.settings_with(&[("RESOURCE__BASE_URL", &url)]).resource_client().unwrap();
    let error = client.create(&new(), None).await.unwrap_err();
    assert!(matches!(error, ResourceError::Unreachable { .. }), "{error:?}");

    let seen = Seen::default();
    let see = Arc::clone(&seen);
    tokio::spawn(async move {
        // Between the first and the second attempt.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (stream, _) = socket.listen(1).unwrap().accept().await.unwrap();
        serve(stream, On::Answer, &see).await;
    });
    client.create(&new(), None).await.unwrap();
    assert_eq!(lines(&seen, "POST").len(), 1);
}
