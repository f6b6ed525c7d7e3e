//! An orderly end, whatever the peers do.

use super::*;

#[tokio::test]
async fn a_request_in_flight_finishes_after_the_shutdown_began() {
    let server = spawn(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("<GET /slow >"), "{answer}");
    server.end.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_ends_at_once() {
    let server = spawn(Limits::default()).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    server.shutdown.cancel();
    let start = std::time::Instant::now();
    server.end.await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(400), "{:?}", start.elapsed());
}

#[tokio::test]
async fn peers_that_are_not_finished_do_not_keep_the_server_from_ending() {
    let server = spawn(Limits::default()).await;
    let begun = [
        "GET / HTTP/1.1\r\nHo",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
        // Refused, and listened to for a while.
        "POST / HTTP/1.1\r\n\r\n",
        // Asked for, and never read.
        &"GET /large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(20),
    ];
    let mut streams = Vec::new();
    for index in 0..100 {
        let mut stream = server.connect().await;
        stream.write_all(begun[index % begun.len()].as_bytes()).await.unwrap();
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    tokio::time::timeout(Duration::from_secs(5), server.end).await.unwrap().unwrap();
}
