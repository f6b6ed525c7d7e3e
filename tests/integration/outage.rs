//! The authority comes and goes; the resource-app heals by itself.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use authority_app::{Authority, MintRequest};
use demo::system::DEMO_CLIENT_SECRET;
use reqwest::{StatusCode, header};
use serde_json::json;
use tests::program::{self, Server};
use tests::world::{CLIENT, RESOURCE};

use crate::shutdown::authority_app;

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_go_on_while_the_authority_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let authority = authority_app(folder.path());
    let variables = [
        ("AZURE_AD__INSTANCE", authority.url().to_owned()),
        ("AZURE_CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()),
        ("HTTP_CLIENT__CA_FILE", folder.path().join("ca.pem").display().to_string()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
    ];
    let token =
        String::from_utf8(program::run("client-app", &["token", "--raw"], &variables).stdout).unwrap();
    let resource = Server::start("resource-app", &["serve"], &variables);
    resource.wait_until_ready().await;
    let url = format!("{}/api/resources", resource.url());
    let http = program::direct();
    let bearer = format!("Bearer {}", token.trim());
    let read = async || http.get(&url).header(header::AUTHORIZATION, &bearer).send().await.unwrap().status();
    assert_eq!(read().await, StatusCode::OK);

    authority.kill();
    assert_eq!(read().await, StatusCode::OK);
    let new = json!({ "name": "x", "content": 1 });
    let written = http.post(&url).header(header::AUTHORIZATION, &bearer).json(&new).send().await.unwrap();
    assert_eq!(written.status(), StatusCode::CREATED);
    let ready = http.get(format!("{}/health/ready", resource.url())).send().await.unwrap();
    assert_eq!(ready.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_resource_app_that_started_first_works_once_the_authority_is_up() {
    let folder = tempfile::tempdir().unwrap();
    let listen = free_address();
    let start = async || {
        let data = folder.path().join("authority");
        Authority::builder().data_folder(data).listen(listen).spawn().await.unwrap()
    };
    // Up once before, for its certificate authority and a token; then down while the resource-app starts.
    let authority = start().await;
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.ca_certificate_pem()).unwrap();
    let token = authority.mint(&MintRequest::new(CLIENT.parse().unwrap(), RESOURCE)).unwrap();
    authority.shutdown().await;

    let variables = [
        ("AZURE_AD__INSTANCE", format!("https://localhost:{}", listen.port())),
        ("HTTP_CLIENT__CA_FILE", ca_file.display().to_string()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
    ];
    let resource = Server::start("resource-app", &["serve"], &variables);
    let http = program::direct();
    let get = async |path: &str| {
        let request = http.get(format!("{}{path}", resource.url()));
        request.header(header::AUTHORIZATION, token.authorization()).send().await.unwrap()
    };
    assert_eq!(get("/health/live").await.status(), StatusCode::OK);
    assert_eq!(get("/health/ready").await.status(), StatusCode::SERVICE_UNAVAILABLE);
    let undecided = get("/api/resources").await;
    assert_eq!(undecided.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(undecided.headers().contains_key(header::RETRY_AFTER));
    assert!(!undecided.headers().contains_key(header::WWW_AUTHENTICATE));

    let _authority = start().await;
    let back = Instant::now();
    resource.wait_until_ready().await;
    assert!(back.elapsed() < Duration::from_secs(5), "{:?}", back.elapsed());
    assert_eq!(get("/api/resources").await.status(), StatusCode::OK);
}

/// An address that nobody listens on; below the range from which systems choose ports by themselves, so that no
/// connection of a test beside this one takes it.
fn free_address() -> SocketAddr {
    let first = 20_000 + u16::try_from(std::process::id() % 10_000).unwrap();
    let mut addresses = (first..32_000).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    addresses.find(|address| TcpListener::bind(address).is_ok()).unwrap()
}
