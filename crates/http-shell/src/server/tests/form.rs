//! Tests where a request begins and ends.

use super::*;

const GET: &str = "GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_head_that_can_be_read_in_two_ways_is_answered_400_and_nothing_after_it_is_read() {
    let server = spawn(Limits::default()).await;
    let fields = [
        // Two lengths.
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
        "Content-Length: 0\r\nContent-Length: 0",
        "Content-Length: 0\r\nContent-Length: 5",
        // No number.
        "Content-Length: 0, 0",
        "Content-Length: +0",
        "Content-Length: -1",
        "Content-Length: 0x0",
        "Content-Length: ",
        "Content-Length: 99999999999999999999",
        // Not `chunked` alone.
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding: \"chunked\"",
        // Lines that are none, or may be part of another.
        "Content-Length : 0",
        "Content-Length\t: 0",
        " Content-Length: 0",
        "X: y\r\n Content-Length: 0",
        "X: y\r\n\tz",
        "X: y\nContent-Length: 0",
        "X: y\rContent-Length: 0",
        "X: y\0",
        "X\0: y",
        "X",
        ": y",
        "X: y\r\n\n",
        // Not one host.
        "Host: x",
        "host: y",
    ];
    for fields in fields {
        let answers =
            server.exchange(format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n\r\n{GET}").as_bytes()).await;
        assert_eq!(statuses(&answers), ["400"], "{fields:?}: {answers}");
        assert_eq!(problem(&answers)["status"], 400, "{fields:?}");
    }
}

#[tokio::test]
async fn a_malformed_request_line_or_host_is_answered_400() {
    let server = spawn(Limits::default()).await;
    let heads = [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n",
        "GET / HTTP/1.1\r\nHost: user@x\r\n",
        "GET / HTTP/1.1\r\nHost: x/y\r\n",
        "GET / HTTP/1.1\r\nHost: x:port\r\n",
        "GET http://x/ HTTP/1.1\r\n",
        "GET / HTTP/1.1\nHost: x\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n",
        "GET / http/1.1\r\nHost: x\r\n",
        "GET / HTTP/2.0\r\nHost: x\r\n",
        "GET / HTTP/1.1 \r\nHost: x\r\n",
        "GET /\r\nHost: x\r\n",
        "\nGET / HTTP/1.1\r\nHost: x\r\n",
        "\rGET / HTTP/1.1\r\nHost: x\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n",
        "G\0T / HTTP/1.1\r\nHost: x\r\n",
        "GET /\0 HTTP/1.1\r\nHost: x\r\n",
    ];
    for head in heads {
        let answers = server.exchange(format!("{head}\r\n{GET}").as_bytes()).await;
        assert_eq!(statuses(&answers), ["400"], "{head:?}: {answers}");
        assert_eq!(problem(&answers)["status"], 400, "{head:?}");
    }
}

/// Returns the problem in the last of these answers, after checking that it closes the connection and is not stored.
fn problem(answers: &str) -> serde_json::Value {
    let (head, body) = answers.rsplit_once("\r\n\r\n").unwrap();
    for field in ["content-type: application/problem+json", "cache-control: no-store", "connection: close"] {
        assert!(head.lines().any(|line| line == field), "{field}: {head}");
    }
    assert!(head.contains("\r\ndate: "), "{head}");
    assert!(head.contains(&format!("content-length: {}", body.len())), "{answers}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn a_refusal_says_why_by_a_code_and_is_counted() {
    let server = spawn(Limits::default()).await;
    let long = "x".repeat(70 * 1024);
    let table = [
        ("GET / HTTP/1.1\r\n", "400", "host_malformed"),
        ("GET / HTTP/1.1\r\nHost: x\nX: y\r\n", "400", "line_end_malformed"),
        ("GET /a#b HTTP/1.1\r\nHost: x\r\n", "400", "target_malformed"),
        ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1, 1\r\n", "400", "content_length_malformed"),
        ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n", "400", "transfer_encoding_not_allowed"),
        (
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "400",
            "body_length_ambiguous",
        ),
        ("GET / HTTP/1.1\r\nHost: x\r\nX\0: y\r\n", "400", "request_malformed"),
        (&format!("GET / HTTP/1.1\r\nHost: x\r\nX: {long}\r\n"), "431", "header_too_large"),
        (&format!("GET /{long} HTTP/1.1\r\nHost: x\r\n"), "414", "target_too_long"),
    ];
    for (count, (head, status, code)) in table.into_iter().enumerate() {
        for before in ["", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let answers = server.exchange(format!("{before}{head}\r\n").as_bytes()).await;
            assert_eq!(statuses(&answers).last(), Some(&status), "{code}: {answers}");
            let problem = problem(&answers);
            assert_eq!((&problem["code"], problem["status"].to_string()), (&code.into(), status.to_owned()));
        }
        assert_eq!(server.counts.refused(), 2 * (count as u64 + 1), "{code}");
    }
}

#[tokio::test]
async fn what_only_looks_like_a_refusal_arrives_as_it_was_sent() {
    let text = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let (mut peer, io) = tokio::io::duplex(4096);
    ConnectionLimit::new(&Limits::default(), Arc::default()).start(|idleness| {
        let (first_head_by, counts) = (Instant::now() + PATIENCE, Arc::default());
        let peer = Peer { first_head_by, idleness, progress: Progress::default(), counts };
        tokio::spawn(async move {
            let mut stream = crate::server::stream::PeerStream::new(io, Arc::new(peer), &Limits::default());
            for piece in [text, text, "rest"] {
                stream.write_all(piece.as_bytes()).await.unwrap();
                stream.flush().await.unwrap();
            }
            stream.write_all(text.as_bytes()).await.unwrap();
            // As the library does in one turn after another.
            for _ in 0..3 {
                stream.flush().await.unwrap();
            }
            std::future::pending::<()>().await;
        })
        .abort_handle()
    });
    let mut arrived = vec![0; 3 * text.len() + 4];
    tokio::time::timeout(PATIENCE, peer.read_exact(&mut arrived)).await.expect("it arrives").unwrap();
    assert_eq!(String::from_utf8(arrived).unwrap(), format!("{text}{text}rest{text}"));
}

#[tokio::test]
async fn requests_before_a_refused_one_are_answered_first_however_the_bytes_come() {
    let server = spawn(Limits::default()).await;
    let body = "GET /body HTTP/1.1\r\n\r\n";
    let good = format!(
        "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: {0}\r\n\r\n{body}\
         POST /chunked HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{0:x};e\r\n{body}\r\n0\r\nX: y\r\n\r\n",
        body.len()
    );
    let bad =
        "POST /bad HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let text = format!("{good}{bad}{GET}");
    for piece in [1, 7, 64, text.len()] {
        let mut stream = server.connect().await;
        stream.set_nodelay(true).unwrap();
        for bytes in text.as_bytes().chunks(piece) {
            // Once it has refused, the server may be gone.
            let _ = stream.write_all(bytes).await;
            tokio::task::yield_now().await;
        }
        let answers = until_closed(&mut stream).await;
        assert_eq!(statuses(&answers), ["200", "200", "400"], "{piece}: {answers}");
        assert!(answers.contains(&format!("<POST /slow {body}>")), "{piece}: {answers}");
        assert!(answers.contains(&format!("<POST /chunked {body}>")), "{piece}: {answers}");
    }
}

#[tokio::test]
async fn what_is_well_formed_is_served() {
    let server = spawn(Limits::default()).await;
    for head in [
        "GET / HTTP/1.0\r\n",
        "GET http://x/ HTTP/1.1\r\nConnection: close\r\nhOST: x:80\r\n",
        "\r\nGET / HTTP/1.1\r\nConnection: close\r\nHost: [::1]:80\r\n",
        "GET / HTTP/1.1\r\nConnection: close\r\nHost: x\r\nContent-Length:\t0 \r\n",
    ] {
        let answer = server.exchange(format!("{head}\r\n").as_bytes()).await;
        assert!(answer.contains(" 200 OK\r\n") && answer.ends_with("<GET / >"), "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_read_is_not_taken_for_the_next_request() {
    let server = spawn(Limits::default()).await;
    let line = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
    for count in [1, 100, 10_000] {
        let body = line.repeat(count);
        let head = format!("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", body.len());
        let answers = server.exchange(format!("{head}{body}{GET}").as_bytes()).await;
        assert!(answers.contains("<POST /unread>") && !answers.contains("smuggled"), "{count}: {answers}");
        // Where the rest was too much to skip, the connection is over.
        assert!(["200", "200"].starts_with(&statuses(&answers)), "{count}: {answers}");
    }
}

#[tokio::test]
async fn an_answer_given_before_the_body_has_come_can_be_read() {
    let server = spawn(Limits::default()).await;
    for _ in 0..5 {
        let mut stream = server.connect().await;
        let head = "POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        // As much as is read of it, and all of it before the answer is read.
        stream.write_all(&vec![b'x'; Limits::default().linger_bytes - 64 * 1024]).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.ends_with("<POST /unread>"), "{answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_announced_and_not_wanted_is_not_asked_for() {
    let server = spawn(Limits::default()).await;
    let fields = "Host: x\r\nContent-Length: 500000000\r\nExpect: 100-continue\r\n";
    let answer = server.exchange(format!("POST /unread HTTP/1.1\r\n{fields}\r\n").as_bytes()).await;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_answered_431() {
    let limits = Limits::default();
    let server = spawn(limits).await;
    let fields = ["X: y\r\n".repeat(100), format!("X: {}\r\n", "y".repeat(limits.max_header_bytes))];
    for fields in fields {
        let answer = server.exchange(format!("GET / HTTP/1.1\r\nHost: x\r\n{fields}\r\n").as_bytes()).await;
        assert_eq!(statuses(&answer), ["431"], "{answer}");
    }
    let ninety_nine = "X: y\r\n".repeat(98);
    let answer = server
        .exchange(format!("GET / HTTP/1.1\r\nHost: x\r\n{ninety_nine}Connection: close\r\n\r\n").as_bytes())
        .await;
    assert_eq!(statuses(&answer), ["200"], "{answer}");
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error_and_the_last_of_its_connection() {
    let server = spawn(Limits::default()).await;
    for body in ["5\r\nabc", "", "5", "5\r\nabcde\r\n0\r\n", "5\r\nabcde\r\n0\r\nX: y\r\n"] {
        let mut stream = server.connect().await;
        stream.write_all(format!("{CHUNKED}{body}").as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answers = until_closed(&mut stream).await;
        assert!(answers.is_empty() || answers.contains("<POST / no body"), "{body:?}: {answers}");
    }
}

const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Chunked bodies that the grammar does not allow; hyper accepts most of those with a comment.
const MALFORMED: [&str; 20] = [
    "zz\r\n",
    "ffffffffffffffffff\r\n",
    "1\r\nab\r\n0\r\n\r\n",
    "1\nx\r\n0\r\n\r\n",
    "-1\r\n",
    "\r\n",
    // Blanks where there may be none.
    "1 \r\nx\r\n0\r\n\r\n",
    "0 \r\n\r\n",
    "1;a \r\nx\r\n0\r\n\r\n",
    // Extensions.
    "1;\r\nx\r\n0\r\n\r\n",
    "1;a=\"\r\nx\r\n0\r\n\r\n",
    "1;\0\r\nx\r\n0\r\n\r\n",
    "1;a=\x07\r\nx\r\n0\r\n\r\n",
    "1;a\rb\r\nx\r\n0\r\n\r\n",
    // Trailers.
    "0\r\nX: y\n\r\n",
    "0\r\nX: y\n\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\n X: y\r\n\r\n",
    "0\r\nX: \0\r\n\r\n",
];

#[tokio::test]
async fn a_malformed_chunked_body_is_answered_400_and_nothing_after_it_is_read() {
    let server = spawn(Limits::default()).await;
    for (count, body) in MALFORMED.into_iter().enumerate() {
        for piece in [1, 1000] {
            for target in ["/", "/unread"] {
                let mut stream = server.connect().await;
                stream.set_nodelay(true).unwrap();
                let request = format!("{}{body}{GET}", CHUNKED.replacen('/', target, 1));
                for bytes in request.as_bytes().chunks(piece) {
                    // Once it has answered, the server may be gone.
                    let _ = stream.write_all(bytes).await;
                }
                let answers = until_closed(&mut stream).await;
                assert!(!answers.contains("/next"), "{body:?}: {answers}");
                if piece == 1 && target == "/unread" {
                    // The answer may have begun before the fault came.
                    assert!(["200", "400"].contains(&statuses(&answers)[0]), "{body:?}: {answers}");
                    continue;
                }
                assert_eq!(statuses(&answers), ["400"], "{body:?}: {answers}");
                assert_eq!(problem(&answers)["code"], "chunked_body_malformed", "{body:?}");
            }
        }
        assert!(server.counts.refused() >= 3 * (count as u64 + 1), "{body:?}");
    }
}

#[tokio::test]
async fn a_malformed_body_does_not_change_the_answer_to_an_earlier_request() {
    let server = spawn(Limits::default()).await;
    let first = "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n";
    let answers = server.exchange(format!("{first}{CHUNKED}0\r\nX: y\n\n{GET}").as_bytes()).await;
    assert_eq!(statuses(&answers), ["200", "400"], "{answers}");
    assert!(answers.contains("<GET /slow >") && !answers.contains("/next"), "{answers}");
}
