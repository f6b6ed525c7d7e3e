//! The programs end on a signal, with exit code 0.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::json;
use tests::World;
use tests::guarded_api::Place;
use tests::program::{self, Server};

use crate::durability::{Requests, WRITERS, Writer, resource_app, resource_app_with};

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a program may take to end after a second signal, on a machine under load.
const AT_ONCE: Duration = Duration::from_secs(3);

#[cfg(unix)]
#[tokio::test]
async fn each_service_ends_with_0_after_sigterm() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let resource = resource_app(&world.system, folder.path()).await;
    let token = world.token(json!({})).await;
    let request = world.http.get(format!("{}/api/resources", resource.url()));
    let response = request.header("Authorization", token.authorization()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(resource.terminate().0, Some(0));

    let authority = entra_stand_in(folder.path());
    assert_eq!(authority.terminate().0, Some(0));

    let variables =
        [("AZURE_CLIENT_SECRET", "x"), ("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")];
    let client = Server::start("client-app", &["serve"], &variables);
    assert_eq!(client.terminate().0, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_whose_reader_is_gone_stops_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_and_stop_reading("resource-app", &["serve"], &logging_all(folder.path()));
    let answer = program::direct().get(format!("{}/api/resources", server.url())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.terminate().0, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_that_is_not_read_stops_neither_requests_nor_either_signal() {
    for second_signal in [None, Some("TERM"), Some("INT")] {
        let folder = tempfile::tempdir().unwrap();
        let server =
            Server::start_and_let_the_log_fill("resource-app", &["serve"], &logging_all(folder.path()));
        let http = program::direct();
        // Several lines for each request, which is more than a pipe holds.
        for _ in 0..400 {
            let answer = http.get(format!("{}/health/live", server.url())).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
        let Some(second_signal) = second_signal else {
            assert_eq!(server.terminate().0, Some(0));
            continue;
        };
        // Half a request keeps the program from ending by itself.
        let mut half = connect(&server);
        half.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        server.signal("TERM");
        wait_until_it_stops_listening(&server).await;
        server.signal(second_signal);
        assert_eq!(server.end().0, Some(130));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_second_signal_ends_it_at_once_and_costs_nothing_that_was_acknowledged() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    // How long the writers would go on after the first signal.
    let delay = [("SERVER__SHUTDOWN_DELAY_SECONDS", "30"), ("SERVER__DRAIN_TIMEOUT_SECONDS", "60")];
    for second_signal in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let server = resource_app_with(&world.system, folder.path(), &delay).await;
        let requests = Arc::<Mutex<Requests>>::default();
        let writer = Writer::new(&world, &server, &token, &requests);
        let mut writers = writer.start_all(second_signal);
        writer.wait_for(60, &mut writers).await;
        server.signal("TERM");
        wait_until_it_is_not_ready(&server).await;
        let acknowledged = requests.lock().unwrap().acknowledged.len();
        writer.wait_for(acknowledged + 60, &mut writers).await;
        let signalled = Instant::now();
        server.signal(second_signal);
        assert_eq!(server.end().0, Some(130), "{second_signal}");
        assert!(signalled.elapsed() < AT_ONCE, "{second_signal}: {:?}", signalled.elapsed());
        writers.join_all().await;

        let server = resource_app(&world.system, folder.path()).await;
        let stored = Writer::new(&world, &server, &token, &requests).list().await;
        let Requests { sent, acknowledged } = std::mem::take(&mut *requests.lock().unwrap());
        assert_eq!(sent.len() - acknowledged.len(), WRITERS, "each writer was cut off once");
        for (name, resource) in &acknowledged {
            assert!(stored.contains(resource), "{second_signal}: {name} was acknowledged");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn half_sent_requests_do_not_keep_it_beyond_its_time_after_the_signal() {
    let world = World::start().await;
    let server = Place::new(&world, "").with("SERVER__DRAIN_TIMEOUT_SECONDS", "1").serve().await;
    let parts = ["GET / HT", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"];
    let half_sent = parts.iter().cycle().take(100).map(|text| {
        let mut connection = connect(&server);
        connection.write_all(text.as_bytes()).unwrap();
        connection
    });
    let half_sent: Vec<_> = half_sent.collect();
    let signalled = Instant::now();
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    // Otherwise, each of them may take 9 seconds.
    assert!(signalled.elapsed() < Duration::from_secs(6), "{:?}", signalled.elapsed());
    assert!(log.contains("still open at the end of the drain time"), "{log}");
    drop(half_sent);
}

/// Variables for a self-sufficient resource-app that logs everything.
fn logging_all(folder: &Path) -> [(&'static str, String); 4] {
    [
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.join("resources.db").display())),
        ("RUST_LOG", "trace".into()),
    ]
}

/// A connection to the server, without TLS.
fn connect(server: &Server) -> TcpStream {
    try_to_connect(server).unwrap()
}

fn try_to_connect(server: &Server) -> io::Result<TcpStream> {
    TcpStream::connect(server.url().trim_start_matches("http://"))
}

async fn wait_until_it_stops_listening(server: &Server) {
    let stopped = async {
        while try_to_connect(server).is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stopped).await.unwrap();
}

async fn wait_until_it_is_not_ready(server: &Server) {
    let http = program::direct();
    let url = format!("{}/health/ready", server.url());
    let not_ready = async {
        while http.get(&url).send().await.unwrap().status() != StatusCode::SERVICE_UNAVAILABLE {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, not_ready).await.unwrap();
}

/// Starts the stand-in as a process with this folder for its keys.
pub(crate) fn entra_stand_in(folder: &Path) -> Server {
    let data = folder.join("authority").display().to_string();
    let ca_out = folder.join("ca.pem").display().to_string();
    let variables = [
        ("DATA__FOLDER", data.as_str()),
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("RUST_LOG", "trace"),
    ];
    Server::start("authority-app", &["serve", "--ca-out", &ca_out], &variables)
}
