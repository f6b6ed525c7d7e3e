//! How much of a request's body is read, and when.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::app::App;
use crate::shutdown::{PATIENCE, begin, exchange, until_closed};

const BODY: &str = r#"{"name":"n","content":1}"#;

/// Returns a POST that closes its connection, with these header lines and this body.
fn post(lines: &str, body: &str) -> String {
    let fields = "Host: localhost\r\nContent-Type: application/json\r\nConnection: close";
    format!("POST /api/resources HTTP/1.1\r\n{fields}\r\n{lines}\r\n\r\n{body}")
}

fn assert_refused(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{code}: {answer}");
    assert!(answer.contains(&format!("\"code\":\"{code}\"")), "{code}: {answer}");
}

#[tokio::test]
async fn a_body_is_not_asked_for_before_it_is_known_whose_it_is() {
    let app = App::start(&[]).await;
    let lengths = [10, 100_000, 500_000_000].map(|length| format!("Content-Length: {length}"));
    for framing in lengths.iter().map(String::as_str).chain(["Transfer-Encoding: chunked"]) {
        for (credential, code) in
            [("", "token_missing"), ("Authorization: Bearer a.b.c\r\n", "token_malformed")]
        {
            let lines = format!("{credential}{framing}\r\nExpect: 100-continue");
            assert_refused(&exchange(&app, &post(&lines, "")).await, 401, code);
        }
    }
}

#[tokio::test]
async fn a_body_that_announces_to_be_too_large_is_not_asked_for() {
    let app = App::start_for_development().await;
    for length in [128 * 1024 + 1, 500_000_000] {
        let announced = format!("Content-Length: {length}\r\nExpect: 100-continue");
        assert_refused(&exchange(&app, &post(&announced, "")).await, 413, "content_too_large");
    }
    let announced = format!("Content-Length: {}\r\nExpect: 100-continue", BODY.len());
    let mut stream = begin(app.url.trim_start_matches("http://"), &post(&announced, "")).await;
    let mut asked = [0; 25];
    tokio::time::timeout(PATIENCE, stream.read_exact(&mut asked)).await.unwrap().unwrap();
    assert_eq!(asked, *b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(BODY.as_bytes()).await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_say_how_large_it_is_has_the_same_limit() {
    let app = App::start_for_development().await;
    let chunked = |body: &str| {
        let chunks = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
        post("Transfer-Encoding: chunked", &chunks)
    };
    let spaced = |length: usize| format!("{BODY}{}", " ".repeat(length - BODY.len()));
    assert!(exchange(&app, &chunked(&spaced(128 * 1024))).await.starts_with("HTTP/1.1 201 "));
    let answer = exchange(&app, &chunked(&spaced(128 * 1024 + 1))).await;
    assert_refused(&answer, 413, "content_too_large");
    // An endless body.
    let endless =
        post("Transfer-Encoding: chunked", &format!("10000\r\n{}\r\n", "x".repeat(0x10000)).repeat(4));
    assert_refused(&exchange(&app, &endless).await, 413, "content_too_large");
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_says_creates_nothing() {
    let app = App::start_for_development().await;
    let (more, fewer) = (BODY.len() + 1, BODY.len() - 1);
    for framing in [format!("Content-Length: {more}"), "Transfer-Encoding: chunked".to_owned()] {
        let chunk = if framing.contains("chunked") { format!("{more:x}\r\n") } else { String::new() };
        let request = post(&framing, &format!("{chunk}{BODY}"));
        let mut stream = begin(app.url.trim_start_matches("http://"), &request).await;
        stream.shutdown().await.unwrap();
        assert_refused(&until_closed(&mut stream).await, 400, "incomplete_body");
    }
    let answer = exchange(&app, &post(&format!("Content-Length: {fewer}"), BODY)).await;
    assert_refused(&answer, 400, "malformed_json");
    let list = app.get("/api/resources").send().await.unwrap().text().await.unwrap();
    assert!(list.contains("\"items\":[]"), "{list}");
}

#[tokio::test]
async fn a_body_in_another_encoding_than_utf_8_is_refused() {
    let app = App::start_for_development().await;
    let send = async |kind: &str| {
        let request = app.request(reqwest::Method::POST, "/api/resources").header("content-type", kind);
        request.body(BODY).send().await.unwrap()
    };
    for kind in ["application/json", "application/json; charset=utf-8", "application/json;charset=\"UTF-8\""]
    {
        assert_eq!(send(kind).await.status(), 201, "{kind}");
    }
    for charset in ["utf-16", "iso-8859-1", "\"windows-1252\"", "us-ascii", "utf-8; charset=utf-16", "x"] {
        let answer = send(&format!("application/json; charset={charset}")).await;
        crate::app::assert_problem(answer, 415, "unsupported_media_type").await;
    }
}
