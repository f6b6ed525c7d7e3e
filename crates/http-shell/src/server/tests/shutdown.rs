//! Tests the orderly shutdown of a server, whatever its peers do.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

#[tokio::test]
async fn a_request_in_flight_finishes_after_the_shutdown_began() {
    let server = spawn_with(|server| server.drain_timeout = PATIENCE).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.shutdown.cancel();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("<GET /slow >"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    server.end.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends_at_once() {
    let mut connection = serve_paused(Limits::default(), None);
    connection.send(GET).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    connection.ending.begin();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!connection.end.is_finished());
    connection.ending.drain();
    let (answers, time) = connection.until_closed().await;
    assert_eq!(statuses(&answers), ["200"]);
    assert!(time < Duration::from_millis(2100), "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn each_answer_after_the_shutdown_began_is_the_last_of_its_connection() {
    for path in ["/", "/slow"] {
        let mut connection = serve_paused(Limits::default(), None);
        connection.send(GET).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection.ending.begin();
        connection.send(&GET.replace(" / ", &format!(" {path} "))).await;
        let (answers, time) = connection.until_closed().await;
        assert_eq!(statuses(&answers), ["200", "200"], "{path}");
        assert_eq!(answers.matches("\r\nconnection: close\r\n").count(), 1, "{path}: {answers}");
        assert!(time < Duration::from_millis(1500), "{path}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_new_or_in_a_head_at_the_end_is_answered() {
    let (first, rest) = GET.split_at(10);
    for (before, begun) in [("", ""), ("", first), (GET, first)] {
        let mut connection = serve_paused(Limits::default(), None);
        connection.send(before).await;
        connection.send(begun).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        connection.ending.begin();
        connection.ending.drain();
        tokio::time::sleep(Duration::from_secs(1)).await;
        connection.send(if begun.is_empty() { GET } else { rest }).await;
        let (answers, _) = connection.until_closed().await;
        assert_eq!(statuses(&answers).last(), Some(&"200"), "{before:?} {begun:?}: {answers}");
        assert_eq!(answers.matches("\r\nconnection: close\r\n").count(), 1, "{answers}");
        connection.end.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_connection_on_which_nothing_comes_does_not_keep_the_server() {
    let limits = Limits::default();
    let mut connection = serve_paused(limits, None);
    connection.ending.begin();
    connection.ending.drain();
    let (answer, time) = connection.until_closed().await;
    assert!(
        answer.is_empty() && time < limits.begin_timeout + Duration::from_millis(5),
        "{time:?}: {answer}"
    );
}

#[tokio::test]
async fn connections_are_accepted_until_the_delay_is_over() {
    let server = spawn_with(|server| {
        server.shutdown_delay = Duration::from_secs(1);
        server.drain_timeout = PATIENCE;
    })
    .await;
    server.shutdown.cancel();
    let begin = std::time::Instant::now();
    let mut accepted = 0;
    while let Ok(mut stream) = TcpStream::connect(server.address).await {
        stream.write_all(GET.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.contains("\r\nconnection: close\r\n") && answer.ends_with("<GET / >"), "{answer}");
        accepted += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(accepted > 0 && begin.elapsed() >= Duration::from_secs(1), "{accepted}: {:?}", begin.elapsed());
    server.end.await.unwrap();
}

/// Sends requests from many clients, each on connections of its own, until a connection is refused. Nothing else may
/// fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_server_ends_but_for_connections_refused() {
    for round in 0..10 {
        let server = spawn_with(|server| server.drain_timeout = PATIENCE).await;
        let mut clients = tokio::task::JoinSet::new();
        for _ in 0..16 {
            let address = server.address;
            clients.spawn(async move {
                loop {
                    let mut stream = match TcpStream::connect(address).await {
                        Ok(stream) => stream,
                        Err(error) => return assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused),
                    };
                    stream
                        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                        .await
                        .unwrap();
                    let answer = until_closed(&mut stream).await;
                    assert!(answer.ends_with("<GET / >"), "{answer:?}");
                }
            });
        }
        tokio::time::sleep(Duration::from_millis(20 + round)).await;
        server.shutdown.cancel();
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
        server.end.await.unwrap();
    }
}

#[tokio::test]
async fn one_time_limit_from_the_signal_holds_for_the_delay_and_all_that_comes_after() {
    let server = spawn_with(|server| {
        server.shutdown_delay = Duration::from_secs(1);
        server.drain_timeout = Duration::from_secs(2);
    })
    .await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let begin = std::time::Instant::now();
    server.shutdown.cancel();
    server.end.await.unwrap();
    let time = begin.elapsed();
    assert!(time >= Duration::from_secs(2), "{time:?}");
    // Generous, and still less than the time for a body.
    assert!(time < Limits::default().body_timeout / 2, "{time:?}");
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
