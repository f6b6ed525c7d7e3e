//! Answers come in the order of their requests.

use super::*;

#[tokio::test]
async fn a_thousand_requests_at_once_are_answered_each_with_its_own_and_in_order() {
    let server = spawn(Limits::default()).await;
    let (mut requests, mut expected) = (String::new(), Vec::new());
    for number in 0..1000 {
        let body = format!("body {number}");
        let (request, answer) = match number % 4 {
            0 => (format!("GET /{number} HTTP/1.1\r\nHost: x\r\n\r\n"), format!("<GET /{number} >")),
            1 => (
                format!("PUT /{number} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()),
                format!("<PUT /{number} {body}>"),
            ),
            2 => (
                format!(
                    "POST /{number} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                     {:x}\r\n{body}\r\n0\r\n\r\n",
                    body.len()
                ),
                format!("<POST /{number} {body}>"),
            ),
            _ => (
                format!("DELETE /{number} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1500)),
                format!("<DELETE /{number} >"),
            ),
        };
        requests.push_str(&request);
        expected.push(answer);
    }
    requests.push_str("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expected.push("<GET /last >".to_owned());
    let (mut reader, mut writer) = server.connect().await.into_split();
    let sending = tokio::spawn(async move { writer.write_all(requests.as_bytes()).await.map(|()| writer) });
    let mut answers = Vec::new();
    tokio::time::timeout(PATIENCE, reader.read_to_end(&mut answers)).await.expect("it ends").unwrap();
    let _open_until_now = sending.await.unwrap().unwrap();
    let answers = String::from_utf8(answers).unwrap();
    let bodies: Vec<_> =
        answers.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/1.1").next().unwrap()).collect();
    assert_eq!(bodies, expected);
    assert!(statuses(&answers).iter().all(|status| *status == "200"));
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_request_is_answered_is_read_after_it() {
    let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let refused = "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n";
    for (next, expected) in [
        (format!("{get}{get}"), "200 200 200"),
        (format!("\r\n{get}"), "200 200"),
        (format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody{get}"), "200 200 200"),
        (refused.to_owned(), "200 400"),
        ("\n\n".to_owned(), "200 400"),
    ] {
        for piece in [1, 2, next.len()] {
            let mut connection = serve_paused(Limits::default(), None);
            connection.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
            for bytes in next.as_bytes().chunks(piece) {
                tokio::time::sleep(Duration::from_millis(1)).await;
                connection.send(std::str::from_utf8(bytes).unwrap()).await;
            }
            let (answers, _) = connection.until_closed().await;
            assert_eq!(statuses(&answers).join(" "), expected, "{next:?} in pieces of {piece}: {answers}");
        }
    }
}

#[tokio::test]
async fn a_body_is_read_in_pieces_as_large_as_they_come() {
    let server = spawn(Limits::default()).await;
    let body = "x".repeat(1024 * 1024);
    let chunks = format!("8000\r\n{}\r\n", &body[..0x8000]).repeat(32);
    for request in [
        format!("Content-Length: {}\r\n\r\n{body}", body.len()),
        format!("Transfer-Encoding: chunked\r\n\r\n{chunks}0\r\n\r\n"),
    ] {
        let head = "POST /pieces HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
        let answer = server.exchange([head, &request].concat().as_bytes()).await;
        let pieces = answer.rsplit_once('<').and_then(|(_, pieces)| pieces.strip_suffix(" pieces>")).unwrap();
        // However they come: each takes a buffer of its own.
        assert!((1..=2048).contains(&pieces.parse::<u32>().unwrap()), "{answer}");
    }
}
