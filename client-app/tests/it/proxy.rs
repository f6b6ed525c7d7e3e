//! Proxies set in the environment, and what they can see.

use std::net::Ipv4Addr;
use std::process::{Output, Stdio};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::peer::{PROXIED, Peers, Scripted};

/// A proxy that connects every tunnel to one address, or asks for credentials if there is none, and records what its clients send.
struct Proxy {
    url: String,
    /// The request line of each connection.
    lines: Arc<Mutex<Vec<String>>>,
    /// The bytes sent through the tunnels to the authority.
    tunnelled: Arc<Mutex<Vec<u8>>>,
}

impl Proxy {
    async fn start(authority: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (lines, tunnelled) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let proxy = Self { url, lines: Arc::clone(&lines), tunnelled: Arc::clone(&tunnelled) };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (lines, tunnelled) = (Arc::clone(&lines), Arc::clone(&tunnelled));
                tokio::spawn(tunnel(client, authority.clone(), lines, tunnelled));
            }
        });
        proxy
    }
}

async fn tunnel(
    mut client: TcpStream,
    authority: String,
    lines: Arc<Mutex<Vec<String>>>,
    tunnelled: Arc<Mutex<Vec<u8>>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    lines.lock().unwrap().push(head.lines().next().unwrap().to_owned());
    if authority.is_empty() {
        let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
        client.write_all(refusal).await.unwrap();
        return;
    }
    if !head.starts_with("CONNECT ") {
        return;
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (mut from_authority, mut to_authority) = TcpStream::connect(authority).await.unwrap().into_split();
    let (mut from_client, mut to_client) = client.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_authority, &mut to_client).await });
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = from_client.read(&mut buffer).await {
        tunnelled.lock().unwrap().extend_from_slice(&buffer[..read]);
        to_authority.write_all(&buffer[..read]).await.unwrap();
    }
}

async fn read(peers: &Peers, more: &[(&str, &str)]) -> Output {
    run(peers, more, "read").await
}

async fn run(peers: &Peers, more: &[(&str, &str)], argument: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_client-app"));
    command.env_clear().envs(peers.variables()).envs(more.iter().copied()).arg(argument).stdin(Stdio::null());
    command.output().await.unwrap()
}

#[tokio::test]
async fn a_proxy_sees_where_a_token_is_asked_for_and_nothing_of_the_question() {
    let peers = Peers::start().await;
    peers.resource.answers(Scripted::json(200, r#"{"items":[]}"#));
    let port = peers.authority.url.rsplit(':').next().unwrap();
    let proxy = Proxy::start(format!("localhost:{port}")).await;
    let instance = format!("https://{PROXIED}:{port}");
    // The resource is on this machine and is called without the proxy.
    let variables = [("AZURE_AD__INSTANCE", instance.as_str()), ("ALL_PROXY", &proxy.url)];
    let output = read(&peers, &variables).await;
    assert!(output.status.success(), "{output:?}");
    assert_eq!(*proxy.lines.lock().unwrap(), [format!("CONNECT {PROXIED}:{port} HTTP/1.1")]);
    let tunnelled = proxy.tunnelled.lock().unwrap();
    let seen = String::from_utf8_lossy(&tunnelled);
    assert!(!tunnelled.is_empty() && !seen.contains("canary") && !seen.contains("client_secret"));
    assert_eq!((peers.authority.asked().len(), peers.resource.asked().len()), (1, 1));
}

#[tokio::test]
async fn what_is_on_this_machine_is_asked_without_a_proxy() {
    let peers = Peers::start().await;
    let proxy = Proxy::start(String::new()).await;
    for variable in ["HTTPS_PROXY", "https_proxy", "http_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"] {
        peers.resource.answers(Scripted::json(200, r#"{"items":[]}"#));
        let output = read(&peers, &[(variable, &proxy.url)]).await;
        assert!(output.status.success(), "{output:?}");
    }
    assert!(proxy.lines.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_proxy_that_asks_for_credentials_is_named_and_not_asked_again() {
    let peers = Peers::start().await;
    let proxy = Proxy::start(String::new()).await;
    let address = proxy.url.strip_prefix("http://").unwrap();
    let with_user = format!("http://user:canary@{address}");
    let instance = format!("https://{PROXIED}:443");
    for command in ["token", "doctor"] {
        let variables = [("AZURE_AD__INSTANCE", instance.as_str()), ("HTTPS_PROXY", &with_user)];
        let output = run(&peers, &variables, command).await;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{text}");
        let words = format!("the proxy {address} (variable HTTPS_PROXY) answered 407");
        assert!(text.contains(&words) && !text.contains("canary"), "{text}");
    }
    assert_eq!(proxy.lines.lock().unwrap().len(), 2);

    // Plain http is sent to the proxy itself, whose 407 is no answer of the resource.
    let base_url = ("RESOURCE__BASE_URL", "http://resource.contoso.example");
    for command in ["read", "doctor"] {
        let variables = [base_url, ("RESOURCE__ALLOW_PLAIN_HTTP", "true"), ("http_proxy", &with_user)];
        let output = run(&peers, &variables, command).await;
        let text =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{text}");
        let words = format!("the proxy {address} (variable http_proxy) answered 407");
        assert!(text.contains(&words) && !text.contains("canary"), "{text}");
    }
}
