//! The authority goes down and comes back; the resource-app recovers by itself.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use demo::system::DEMO_CLIENT_SECRET;
use entra_shared::azure_ad::Instance;
use entra_stand_in::{Authority, MintRequest};
use reqwest::{StatusCode, header};
use serde_json::json;
use tests::program::{self, Server};
use tests::world::{CLIENT, RESOURCE, TENANT, base64url, now};
use tokio::net::{TcpListener, TcpStream};

use crate::shutdown::entra_stand_in;

#[tokio::test(flavor = "multi_thread")]
async fn reads_and_writes_go_on_while_the_authority_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let authority = entra_stand_in(folder.path());
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
    let door = FrontDoor::open().await;
    let start = async || {
        let data = folder.path().join("authority");
        let builder = Authority::builder().data_folder(data).public_url(Some(door.instance()));
        let authority = builder.spawn().await.unwrap();
        door.leads_to(Some(authority.address()));
        authority
    };
    // The authority runs first, for its certificate authority and a token, and is down while the resource-app starts.
    let authority = start().await;
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, authority.ca_certificate_pem()).unwrap();
    let token = authority.mint(&MintRequest::new(CLIENT.parse().unwrap(), RESOURCE)).unwrap();
    door.leads_to(None);
    authority.shutdown().await;

    let variables = [
        ("AZURE_AD__INSTANCE", door.instance().to_string()),
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
    // 5 seconds, and more on a machine under load. A test with a paused clock checks the exact time.
    assert!(back.elapsed() < Duration::from_secs(15), "{:?}", back.elapsed());
    assert_eq!(get("/api/resources").await.status(), StatusCode::OK);
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_requests_without_keys_is_not_logged_line_by_line() {
    const STORM: usize = 300;
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens on port 1.
    let instance = "https://localhost:1";
    let variables = [
        ("AZURE_AD__INSTANCE", instance.to_owned()),
        ("KEYS__UNKNOWN_KEY_WAIT_MILLISECONDS", "1".into()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
    ];
    let resource = Server::start("resource-app", &["serve"], &variables);
    let claims = json!({
        "aud": RESOURCE, "iss": format!("{instance}/{TENANT}/v2.0"), "tid": TENANT, "ver": "2.0",
        "iat": now(), "nbf": now(), "exp": now() + 3600, "oid": CLIENT, "sub": CLIENT, "azp": CLIENT,
    });
    let header = base64url(r#"{"typ":"JWT","alg":"RS256","kid":"K1"}"#);
    let token = format!("{header}.{}.AA", base64url(&claims.to_string()));
    let (http, url) = (program::direct(), format!("{}/api/resources", resource.url()));
    for _ in 0..STORM {
        let answer = http.get(&url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }
    let (code, log) = resource.terminate();
    assert_eq!(code, Some(0), "{log}");
    let lines = log.lines().filter(|line| line.contains("keys_unavailable")).count();
    assert!((1..=STORM / 2).contains(&lines), "{lines} lines");
}

/// An address that stays the authority's while this exists, with or without an authority behind it.
struct FrontDoor {
    address: SocketAddr,
    authority: Arc<Mutex<Option<SocketAddr>>>,
}

impl FrontDoor {
    /// Forwards connections to the authority; drops them if there is none.
    async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let authority = Arc::new(Mutex::new(None::<SocketAddr>));
        let behind = Arc::clone(&authority);
        tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let Some(address) = *behind.lock().unwrap() else { continue };
                tokio::spawn(async move {
                    let mut inside = TcpStream::connect(address).await?;
                    tokio::io::copy_bidirectional(&mut outside, &mut inside).await
                });
            }
        });
        Self { address, authority }
    }

    fn instance(&self) -> Instance {
        Instance::parse(&format!("https://localhost:{}", self.address.port())).unwrap()
    }

    fn leads_to(&self, authority: Option<SocketAddr>) {
        *self.authority.lock().unwrap() = authority;
    }
}
