//! The resource-app under limits of the operating system: too few open files, little memory.
#![cfg(target_os = "linux")]

use std::time::Duration;

use entra_shared::secret::AccessToken;
use serde_json::json;
use tests::World;
use tests::connection::Connection;
use tests::guarded_api::Place;
use tests::program::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// The limit of open files.
const FILES: usize = 128;

/// How many connections exceed the limit.
const MORE: usize = 100;

/// How long anything may take that should happen at once, or after some pauses of a second.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a connection goes unanswered until it counts as waiting.
const WAITS: Duration = Duration::from_secs(3);

#[tokio::test]
async fn more_connections_than_open_files_take_the_place_of_idle_ones() {
    let world = World::start().await;
    let server = Place::new(&world, "").serve_limited(&format!("ulimit -n {FILES}")).await;
    let authorization = world.token(json!({})).await.authorization().as_bytes().to_owned();
    let mut open = Vec::new();
    for _ in 0..2 * FILES {
        let mut connection = Connection::open(server.url()).await;
        let answer = timeout(WAITS, connection.get("/api/caller", Some(&authorization))).await;
        assert_eq!(answer.expect("an idle connection makes room").status, 200);
        open.push(connection);
    }
    let log = end(server);
    assert!(log.contains("the limit on open files leaves room for fewer"), "{log}");
    assert!(!log.contains("cannot accept"), "{log}");
}

#[tokio::test]
async fn without_another_open_file_connections_wait_and_the_program_rests() {
    let world = World::start().await;
    let server = Place::new(&world, "").serve().await;
    let token = world.token(json!({})).await;
    // The program read a higher limit at its start. Open files keep their numbers, whatever the limit is.
    let open = std::fs::read_dir(format!("/proc/{}/fd", server.id())).unwrap().count();
    server.limit(&format!("--nofile={}:", open + FILES / 2));
    let answers = connections_wait_and_are_served_once_others_are_closed(&server, &token).await;
    assert_eq!(answers, MORE);
    let log = end(server);
    let times = log.lines().filter(|line| line.contains("cannot accept a connection")).count();
    assert!((1..30).contains(&times), "{log}");
}

/// Opens connections until one waits, and some more; returns how many of these were served in the end.
async fn connections_wait_and_are_served_once_others_are_closed(
    server: &Server,
    token: &AccessToken,
) -> usize {
    let authorization = token.authorization().as_bytes().to_owned();
    let mut open = Vec::new();
    loop {
        let mut connection = Connection::open(server.url()).await;
        let Ok(answer) = timeout(WAITS, connection.get("/api/caller", Some(&authorization))).await else {
            break;
        };
        assert_eq!(answer.status, 200);
        open.push(connection);
        assert!(open.len() < FILES, "nothing limits it");
    }
    let mut waiting = JoinSet::new();
    for _ in 0..MORE {
        let mut connection = Connection::open(server.url()).await;
        let authorization = authorization.clone();
        waiting.spawn(async move { connection.try_get("/api/caller", Some(&authorization)).await });
    }
    let before = processor_time(server);
    sleep(Duration::from_secs(1)).await;
    let used = processor_time(server).saturating_sub(before);
    assert!(used < Duration::from_millis(200), "{used:?} in a second in which there is nothing to do");
    assert!(waiting.try_join_next().is_none(), "one was served, or turned away");
    for path in ["/api/caller", "/api/resources"] {
        let answer = timeout(PATIENCE, open[0].get(path, Some(&authorization))).await.unwrap();
        assert_eq!(answer.status, 200, "{path}");
    }

    drop(open);
    let answers = timeout(PATIENCE, waiting.join_all()).await.unwrap();
    let answers = answers.into_iter().filter_map(Result::ok).inspect(|answer| assert_eq!(answer.status, 200));
    let answered = answers.count();
    serves(server, &authorization).await;
    answered
}

#[tokio::test]
async fn what_callers_make_it_hold_fits_in_64_mib() {
    let world = World::start().await;
    // The rest of its memory depends on the number of threads. A limited address space (`ulimit -v`) would mostly limit
    // what the allocator reserves and never uses.
    let place = Place::new(&world, "").with("TOKIO_WORKER_THREADS", "2");
    let server = place.serve_limited(&format!("ulimit -n {FILES} && ulimit -d {}", 64 * 1024)).await;
    let authorization = world.token(json!({})).await.authorization().as_bytes().to_owned();
    let text = "x".repeat(120 * 1024);
    let head = "POST /api/resources HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nauthorization: ";
    let body = format!("\r\ncontent-length: {}\r\n\r\n\"{text}", 128 * 1024);
    let half_a_body = [head.as_bytes(), &authorization, body.as_bytes()].concat();
    let half_a_head = format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}", &text[..60 * 1024]).into_bytes();
    let mut connections = Vec::new();
    for (number, half) in [(FILES / 4, half_a_body), (2 * FILES, half_a_head)] {
        for _ in 0..number {
            let mut connection =
                TcpStream::connect(server.url().trim_start_matches("http://")).await.unwrap();
            // The server may have closed the connection in favour of another.
            let _ = timeout(PATIENCE, connection.write_all(&half)).await.unwrap();
            connections.push(connection);
        }
    }
    serves(&server, &authorization).await;
    drop(connections);
    serves(&server, &authorization).await;
    end(server);
}

/// Asserts that a new connection is served.
async fn serves(server: &Server, authorization: &[u8]) {
    let mut connection = Connection::open(server.url()).await;
    let answer = timeout(PATIENCE, connection.get("/api/resources", Some(authorization))).await.unwrap();
    assert_eq!(answer.status, 200);
}

/// Ends the program with SIGTERM, and returns its log.
fn end(server: Server) -> String {
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    log
}

/// The processor time that the program has used.
fn processor_time(server: &Server) -> Duration {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", server.id())).unwrap();
    // The name may contain spaces; the third field comes after it (proc(5)).
    let (_, fields) = status.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    // Linux counts hundredths of a second on every common architecture.
    Duration::from_millis(10 * ticks.sum::<u64>())
}
