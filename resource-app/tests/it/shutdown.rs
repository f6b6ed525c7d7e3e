//! The shutdown of the app, as callers see it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, ToSocketAddrs};

use crate::app::{App, DEVELOPMENT, assert_problem};

/// Time limit for what should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Sends these bytes on a new connection and returns everything until the app closes it.
pub(crate) async fn exchange(app: &App, text: &str) -> String {
    let mut stream = begin(app.url.trim_start_matches("http://"), text).await;
    until_closed(&mut stream).await
}

pub(crate) async fn begin(address: impl ToSocketAddrs, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// Returns everything until the app closes the connection.
pub(crate) async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    tokio::time::timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

fn with(variables: &[(&'static str, &'static str)]) -> Vec<(&'static str, &'static str)> {
    DEVELOPMENT.iter().chain(variables).copied().collect()
}

#[tokio::test]
async fn after_the_signal_it_is_not_ready_first_and_all_requests_in_flight_are_answered() {
    let variables = with(&[("SERVER__SHUTDOWN_DELAY_SECONDS", "3"), ("SERVER__DRAIN_TIMEOUT_SECONDS", "60")]);
    let app = App::start(&variables).await;
    let address = app.url.trim_start_matches("http://").to_owned();
    let body = r#"{"name":"in flight","content":1}"#;
    let (first, rest) = body.split_at(10);
    let head = "POST /api/resources HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let begun = format!("{head}\r\nContent-Length: {}\r\n\r\n{first}", body.len());
    let mut in_flight = Vec::new();
    for _ in 0..200 {
        in_flight.push(begin(&*address, &begun).await);
    }
    app.signal();
    tokio::task::yield_now().await;
    let ready = app.get("/health/ready").send().await.unwrap();
    assert_eq!(ready.headers()["connection"], "close");
    let detail = assert_problem(ready, 503, "not_ready").await;
    assert!(detail.contains("shutting down"), "{detail}");
    // The process is still live.
    assert_eq!(app.get("/health/live").send().await.unwrap().status(), 200);
    // One after the other, so that a slow disk does not delay the last write too long.
    for stream in &mut in_flight {
        stream.write_all(rest.as_bytes()).await.unwrap();
        let answer = until_closed(stream).await;
        assert!(
            answer.starts_with("HTTP/1.1 201") && answer.contains("\r\nconnection: close\r\n"),
            "{answer}"
        );
    }
    app.stop().await;
    assert!(TcpStream::connect(&*address).await.is_err());
}

#[tokio::test]
async fn one_time_limit_from_the_signal_holds_for_requests_metrics_and_store_together() {
    let app = App::start(&with(&[("SERVER__DRAIN_TIMEOUT_SECONDS", "1")])).await;
    let head = "POST /api/resources HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let _half =
        begin(app.url.trim_start_matches("http://"), &format!("{head}\r\nContent-Length: 9\r\n\r\n{{")).await;
    let _scrape = begin(app.metrics, "GET /metrics HTTP/1.1\r\nHost: ").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begin = Instant::now();
    app.stop().await;
    let time = begin.elapsed();
    // A half-sent request alone may take 9 s.
    assert!(time >= Duration::from_secs(1) && time < Duration::from_secs(6), "{time:?}");
}
