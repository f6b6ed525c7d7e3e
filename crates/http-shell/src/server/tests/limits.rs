//! Tests what a peer can hold open, and for how long.

use super::*;

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// A limit that a test waits for, and by which a peer that does its part is not caught.
const SHORT: Duration = Duration::from_millis(300);

/// The precision to which a paused clock tells when something happened, which is a tick of a timer or a few.
const EXACTLY: Duration = Duration::from_millis(5);

/// Sends one of these bytes again and again, at a pace that is no pause, until the server closes; says when that is.
async fn trickle(connection: &mut Paused, byte: u8) -> Duration {
    while connection.stream.write_all(&[byte]).await.is_ok() {
        tokio::time::sleep(SHORT / 10).await;
        assert!(connection.begin.elapsed() < 100 * SHORT, "the server closes");
    }
    connection.begin.elapsed()
}

#[tokio::test]
async fn peers_that_do_not_finish_a_head_are_gone_in_time_and_others_do_not_notice() {
    let server = spawn(Limits { header_timeout: SHORT, ..Limits::default() }).await;
    let begin = std::time::Instant::now();
    let mut silent = Vec::new();
    for index in 0..100 {
        let mut stream = server.connect().await;
        let part = ["", "G", "GET / HTTP/1.1\r\nHos", "GET / HTTP/1.1\r\nHost: x\r\n"][index % 4];
        stream.write_all(part.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("<GET / >"), "{answer}");
    for stream in &mut silent {
        assert_eq!(until_closed(stream).await, "");
    }
    // Well before the limit that is the default.
    assert!(begin.elapsed() < Limits::default().header_timeout);
    assert_eq!(server.counts.timed_out(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time_and_no_more() {
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    for begun in ["", "\r\n", "G", "GET / HTTP/1.1\r\nHos", "GET / HTTP/1.1\r\nHost: x\r\n"] {
        let mut connection = serve_paused(limits, None);
        connection.send(begun).await;
        let (answer, time) = connection.until_closed().await;
        assert!(answer.is_empty() && time >= SHORT && time < SHORT + EXACTLY, "{begun:?}: {time:?} {answer}");
        assert_eq!(connection.counts.timed_out(), 1, "{begun:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn single_bytes_buy_no_time_for_a_head() {
    let mut connection = serve_paused(Limits { header_timeout: SHORT, ..Limits::default() }, None);
    connection.send("GET /").await;
    let time = trickle(&mut connection, b'x').await;
    assert!(time >= SHORT && time < 2 * SHORT, "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn the_handshake_and_the_first_head_share_one_time() {
    let (tls, connector) = tls();
    let limits = Limits { header_timeout: SHORT, ..Limits::default() };
    let mut connection = serve_paused(limits, Some(tls.clone()));
    assert_eq!(connection.until_closed().await.0, "");
    assert!(connection.begin.elapsed() < SHORT + EXACTLY, "{:?}", connection.begin.elapsed());

    let Paused { stream, begin, counts, .. } = serve_paused(limits, Some(tls));
    tokio::time::sleep(SHORT / 3 * 2).await;
    let mut stream = connector.connect("localhost".try_into().unwrap(), stream).await.unwrap();
    stream.write_all(b"GET / HT").await.unwrap();
    let _ = stream.read_to_end(&mut Vec::new()).await;
    assert!(begin.elapsed() >= SHORT && begin.elapsed() < SHORT + EXACTLY, "{:?}", begin.elapsed());
    assert_eq!(counts.timed_out(), 1);
}

/// Returns a server's TLS settings, and a TLS client that trusts its certificate.
fn tls() -> (Tls, tokio_rustls::TlsConnector) {
    let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = issued.cert.der().clone();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der());
    let server = crate::server::ServerCertificate::new(vec![certificate.clone()], key.into());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let client = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Tls::new(&server).unwrap(), Arc::new(client).into())
}

#[tokio::test(start_paused = true)]
async fn a_connection_on_which_no_next_request_comes_is_closed() {
    let mut connection = serve_paused(Limits { keep_alive: SHORT, ..Limits::default() }, None);
    for pause in [Duration::ZERO, SHORT / 3 * 2] {
        tokio::time::sleep(pause).await;
        connection.send(GET).await;
    }
    let (answers, time) = connection.until_closed().await;
    assert_eq!(statuses(&answers), ["200", "200"]);
    let expected = SHORT / 3 * 2 + SHORT;
    assert!(time >= expected && time < expected + EXACTLY, "{time:?}");
}

#[tokio::test(start_paused = true)]
async fn single_bytes_buy_no_time_for_a_body() {
    let limits = Limits { body_timeout: SHORT, linger: SHORT, ..Limits::default() };
    for (framing, byte) in [("Content-Length: 100000", b'x'), ("Transfer-Encoding: chunked", b'0')] {
        let mut connection = serve_paused(limits, None);
        connection.send(&format!("POST / HTTP/1.1\r\nHost: x\r\n{framing}\r\n\r\n")).await;
        let time = trickle(&mut connection, byte).await;
        assert!(time >= SHORT && time < 3 * SHORT, "{framing}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_time_for_a_body_is_not_that_for_its_answer_and_is_whole_for_each() {
    // The answer alone takes two thirds of it.
    let mut connection = serve_paused(Limits { body_timeout: SHORT, ..Limits::default() }, None);
    for _ in 0..3 {
        connection.send("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na").await;
        tokio::time::sleep(SHORT / 3 * 2).await;
        connection.send("b").await;
        let mut answer = vec![0; 1024];
        let length = connection.stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..length]);
        assert!(answer.ends_with("<POST /slow ab>"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_was_answered_early_is_not_listened_to_for_ever() {
    let limits = Limits { linger_bytes: 100_000, ..Limits::default() };
    let mut connection = serve_paused(limits, None);
    connection.send("POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut sent = 0;
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(4096));
    while connection.stream.write_all(chunk.as_bytes()).await.is_ok() {
        sent += chunk.len();
        assert!(sent < 10 * limits.linger_bytes, "it still reads");
    }
    assert!(sent > limits.linger_bytes / 2, "{sent}");
    assert_eq!(statuses(&connection.until_closed().await.0), ["200"]);
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
async fn without_a_permit_the_connection_that_has_been_idle_longest_makes_room() {
    let server = spawn(Limits { max_connections: 3, ..Limits::default() }).await;
    let mut kept = server.connect().await;
    ask(&mut kept).await;
    let (mut oldest, mut younger) = (server.connect().await, server.connect().await);
    oldest.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    younger.write_all(b"GET / HTTP/1.1\r\nHost: ").await.unwrap();
    until(|| server.counts.open() == 3).await;
    // Now it has been idle for the shortest time.
    ask(&mut kept).await;
    let begin = std::time::Instant::now();
    let answer = server.exchange(b"GET / HTTP/1.0\r\n\r\n").await;
    assert!(answer.ends_with("<GET / >"), "{answer}");
    assert!(begin.elapsed() < Limits::default().header_timeout);
    assert_eq!(server.counts.displaced(), 1);
    // Reset or closed, whichever comes first.
    assert_eq!(oldest.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    // The others are untouched.
    ask(&mut kept).await;
    younger.write_all(b"x\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(until_closed(&mut younger).await.ends_with("<GET / >"));

    // One that is kept alive makes room as well.
    let mut others = [server.connect().await, server.connect().await];
    for other in &mut others {
        ask(other).await;
    }
    assert!(server.exchange(b"GET / HTTP/1.0\r\n\r\n").await.ends_with("<GET / >"));
    assert_eq!(server.counts.displaced(), 2);
    assert_eq!(kept.read_to_end(&mut Vec::new()).await.unwrap_or(0), 0);
    for other in &mut others {
        ask(other).await;
    }
}

#[tokio::test]
async fn a_connection_beyond_the_most_waits_where_all_are_in_use() {
    let server = spawn(Limits { max_connections: 2, ..Limits::default() }).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    for busy in [&mut first, &mut second] {
        busy.write_all(b"GET /never HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    }
    until(|| server.counts.open() == 2).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let mut third = server.connect().await;
    third.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(tokio::time::timeout(Duration::from_millis(200), third.read(&mut byte)).await.is_err());
    drop(first);
    assert!(until_closed(&mut third).await.ends_with("<GET / >"));
    assert_eq!(server.counts.displaced(), 0);
}

#[tokio::test]
async fn a_response_says_how_long_the_connection_is_kept() {
    let server = spawn(Limits { keep_alive: Duration::from_secs(75), ..Limits::default() }).await;
    let answers = server
        .exchange(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(answers.matches("\r\nkeep-alive: timeout=75\r\n").count(), 1, "{answers}");
}

#[tokio::test(start_paused = true)]
async fn the_head_of_a_further_request_has_its_own_time() {
    let limits = Limits { header_timeout: SHORT, keep_alive: 10 * SHORT, ..Limits::default() };
    let mut connection = serve_paused(limits, None);
    connection.send(GET).await;
    tokio::time::sleep(9 * SHORT).await;
    connection.send("GET /").await;
    let (answers, time) = connection.until_closed().await;
    assert_eq!(statuses(&answers), ["200"]);
    assert!(time >= 10 * SHORT && time < 10 * SHORT + EXACTLY, "{time:?}");
}

#[tokio::test]
async fn connections_are_counted_while_they_are_open() {
    let server = spawn_with(|server| server.limits.max_connections = 16).await;
    let mut streams = Vec::new();
    for _ in 0..3 {
        let mut stream = server.connect().await;
        ask(&mut stream).await;
        streams.push(stream);
    }
    assert_eq!(server.counts.open(), 3);
    drop(streams);
    until(|| server.counts.open() == 0).await;
    assert_eq!((server.counts.refused(), server.counts.timed_out(), server.counts.displaced()), (0, 0, 0));
}

#[tokio::test]
async fn a_listener_with_few_connections_takes_none_of_the_services() {
    let server = Server::bind_address((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
    assert!(ConnectionLimit::new(&server.limits, Arc::default()).is_shared());
    let few = server.with_few_connections();
    assert_eq!(few.limits.max_connections, 16);
    assert!(!ConnectionLimit::new(&few.limits, Arc::default()).is_shared());
}

/// Sends one request on a connection that stays open.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(GET.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"<GET / >") {
        assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "{}", String::from_utf8_lossy(&answer));
    }
}

async fn until(reached: impl Fn() -> bool) {
    let waiting = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it comes to that");
}

#[tokio::test(start_paused = true)]
async fn nothing_more_is_done_for_a_peer_that_goes_away_before_it_is_answered() {
    let get = "GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let post = "POST /never HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
    for requests in [get, post, &get.repeat(3)] {
        let mut connection = serve_paused(Limits::default(), None);
        connection.send(requests).await;
        tokio::time::sleep(SHORT).await;
        assert!(!connection.end.is_finished(), "{requests:?}");
        drop(connection.stream);
        tokio::time::timeout(EXACTLY, connection.end).await.expect(requests).unwrap();
    }
}

#[tokio::test]
async fn http_on_a_port_of_https_is_answered_400_without_tls() {
    let (tls, connector) = tls();
    let server = spawn_with(|server| server.tls = Some(tls)).await;
    for request in [GET, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"] {
        let answer = server.exchange(request.as_bytes()).await;
        assert_eq!(statuses(&answer), ["400"], "{answer}");
        assert!(answer.contains("https_required") && answer.contains("speaks https"), "{answer}");
    }
    assert_eq!(server.counts.refused(), 2);
    let stream = connector.connect("localhost".try_into().unwrap(), server.connect().await).await;
    let mut stream = stream.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
}
