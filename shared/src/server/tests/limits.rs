//! What a peer can hold open, and for how long.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A limit that a test waits for, and by which a peer that does its part is not caught.
const SHORT: Duration = Duration::from_millis(300);

/// Sends one of these bytes again and again, at a pace that is no pause, until the server closes.
async fn trickle(stream: &mut TcpStream, byte: u8) {
    let sending = async {
        while stream.write_all(&[byte]).await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    };
    tokio::time::timeout(PATIENCE, sending).await.expect("the server closes");
}

#[tokio::test]
async fn peers_that_do_not_finish_a_head_are_gone_in_time_and_nobody_else_notices() {
    let server = spawn(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut silent = Vec::new();
    for index in 0..100 {
        let mut stream = server.connect().await;
        let begun = ["", "G", "GET / HTTP/1.1\r\nHos", "GET / HTTP/1.1\r\nHost: x\r\n"][index % 4];
        stream.write_all(begun.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("<GET / >"), "{answer}");
    for stream in &mut silent {
        assert_eq!(until_closed(stream).await, "");
    }
}

#[tokio::test]
async fn single_bytes_buy_no_time_for_a_head() {
    let server = spawn(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /").await.unwrap();
    trickle(&mut stream, b'x').await;
}

#[tokio::test]
async fn a_connection_on_which_no_next_request_comes_is_closed() {
    let server = spawn(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    for pause in [Duration::ZERO, SHORT / 3] {
        tokio::time::sleep(pause).await;
        stream.write_all(GET.as_bytes()).await.unwrap();
    }
    assert_eq!(statuses(&until_closed(&mut stream).await), ["200", "200"]);
}

#[tokio::test]
async fn single_bytes_buy_no_time_for_a_body() {
    let server = spawn(Limits { body_timeout: SHORT, linger: SHORT, ..Limits::default() }).await;
    for (framing, byte) in [("Content-Length: 100000", b'x'), ("Transfer-Encoding: chunked", b'0')] {
        let mut stream = server.connect().await;
        stream
            .write_all(format!("POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        trickle(&mut stream, byte).await;
    }
}

#[tokio::test]
async fn the_time_for_a_body_is_not_that_for_its_answer_and_is_whole_for_each() {
    let server = spawn(Limits { body_timeout: SHORT, ..Limits::default() }).await;
    let mut stream = server.connect().await;
    for _ in 0..3 {
        stream.write_all(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na").await.unwrap();
        tokio::time::sleep(SHORT / 2).await;
        stream.write_all(b"b").await.unwrap();
        let mut answer = vec![0; 1024];
        let length = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.ends_with("<POST /slow ab>"), "{answer}");
    }
}

#[tokio::test]
async fn peers_that_ask_and_do_not_read_are_cut_off() {
    let server = spawn(Limits { write_timeout: SHORT, max_connections: 20, ..Limits::default() }).await;
    let mut greedy = Vec::new();
    for _ in 0..20 {
        let mut stream = server.connect().await;
        stream.write_all("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20).as_bytes()).await.unwrap();
        greedy.push(stream);
    }
    // There is room for another only once one of them is gone.
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("<GET / >"), "{answer}");
    tokio::time::sleep(SHORT * 2).await;
    for mut stream in greedy {
        let mut answers = Vec::new();
        let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answers)).await;
        assert!(end.is_ok() && answers.len() < 20 * 1024 * 1024, "{}", answers.len());
    }
}

#[tokio::test]
async fn a_connection_beyond_the_most_waits_for_one_to_end() {
    let server = spawn(Limits { max_connections: 2, ..Limits::default() }).await;
    let (first, _second) = (server.connect().await, server.connect().await);
    // So that both have been accepted.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = server.connect().await;
    third.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(tokio::time::timeout(Duration::from_millis(200), third.read(&mut byte)).await.is_err());
    drop(first);
    assert!(until_closed(&mut third).await.ends_with("<GET / >"));
}
