//! The requests to the resource, and the checks of its responses.

use std::time::Duration;

use client_app::resource_client::{Correlation, Paging, ResourceClient, ResourceError};
use entra_shared::resource::{Content, NewResource};
use entra_token::HttpClient;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::peer::{Asked, Peer, Peers, Scripted, TOKEN, shows_no_canary};

pub(crate) fn resource(id: Uuid) -> Value {
    json!({
        "id": id,
        "name": "first",
        "content": {"answer": 42},
        "created_by": "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813",
        "created_at": "2025-06-03T16:13:57Z",
        "updated_at": "2025-06-03T16:13:57Z",
    })
}

fn new() -> NewResource {
    NewResource { name: "first".into(), content: Content::parse(r#"{"answer": 42}"#).unwrap() }
}

fn client(peers: &Peers) -> ResourceClient {
    peers.settings().resource_client().unwrap()
}

#[tokio::test]
async fn every_call_carries_the_token_and_what_the_api_wants() {
    let (peers, id) = (Peers::start().await, Uuid::now_v7());
    let one = || Scripted::json(200, resource(id).to_string()).header("etag", "\"1\"");
    let page = json!({"items": [resource(id)], "next": "c"}).to_string();
    peers
        .resource
        .answers(Scripted::json(200, page))
        .answers(one())
        .answers(Scripted { status: 201, ..one() })
        .answers(one())
        .answers(Scripted::new(204, ""));
    let client = client(&peers);
    let paging = Paging { limit: Some(2), after: Some("a&b=c".into()) };
    assert_eq!(client.list(&paging).await.unwrap().next.as_deref(), Some("c"));
    assert_eq!(client.read(id).await.unwrap().etag.unwrap(), "\"1\"");
    assert_eq!(client.create(&new(), Some("key")).await.unwrap().resource.id, id);
    assert_eq!(client.replace(id, &new(), Some("\"1\"")).await.unwrap().resource.name, "first");
    client.delete(id, Some("\"1\"")).await.unwrap();

    let asked = peers.resource.asked();
    let lines: Vec<String> = asked.iter().map(|asked| format!("{} {}", asked.method, asked.target)).collect();
    let expected = [
        "GET /api/resources?limit=2&after=a%26b%3Dc".to_owned(),
        format!("GET /api/resources/{id}"),
        "POST /api/resources".to_owned(),
        format!("PUT /api/resources/{id}"),
        format!("DELETE /api/resources/{id}"),
    ];
    assert_eq!(lines, expected);
    assert!(asked.iter().all(|asked| asked.headers["authorization"] == format!("Bearer {TOKEN}").as_str()));
    assert_eq!(asked[2].headers["idempotency-key"], "key");
    assert_eq!(serde_json::from_str::<NewResource>(&asked[2].body).unwrap(), new());
    assert!(asked[3..].iter().all(|asked| asked.headers["if-match"] == "\"1\""));
    assert_eq!(peers.authority.asked().len(), 1);
}

#[tokio::test]
async fn a_refusal_keeps_the_status_the_problem_the_challenge_and_the_wait() {
    let peers = Peers::start().await;
    peers.resource.answers(
        Scripted::new(
            403,
            r#"{"type":"about:blank","status":403,"title":"Forbidden","code":"role_missing"}"#,
        )
        .header("content-type", "application/problem+json")
        .header("www-authenticate", r#"Bearer error="insufficient_scope", scope="Resource.Read""#)
        .header("retry-after", "7"),
    );
    let error = client(&peers).list(&Paging::default()).await.unwrap_err();
    let ResourceError::Refused(refused) = &error else { panic!("{error:?}") };
    assert_eq!(refused.status.as_u16(), 403);
    assert_eq!(refused.problem.as_ref().unwrap().code, "role_missing");
    assert_eq!(refused.retry_after, Some(Duration::from_secs(7)));
    let text = error.to_string();
    for expected in ["403 Forbidden, role_missing", "scope=\"Resource.Read\"", "admin consent"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn the_resources_words_reach_a_terminal_without_control_characters() {
    let peers = Peers::start().await;
    let problem = json!({
        "status": 400, "title": "x", "code": "\u{1b}[2J", "detail": format!("a\r\nb\u{7}{}", "x".repeat(10_000)),
    });
    peers.resource.answers(Scripted::new(400, problem.to_string()));
    let text = client(&peers).list(&Paging::default()).await.unwrap_err().to_string();
    assert!(!text.chars().any(char::is_control) && text.len() < 1000, "{text}");
}

#[tokio::test]
async fn a_refusal_of_more_than_64_kib_keeps_its_status_and_none_of_its_words() {
    let peers = Peers::start().await;
    for (length, has_problem) in [(60 * 1024, true), (64 * 1024, false), (9 * 1024 * 1024, false)] {
        let problem = json!({"status": 403, "title": "x", "code": "x", "detail": "x".repeat(length)});
        peers.resource.answers(Scripted::new(403, problem.to_string()).header("retry-after", "7"));
        let error = client(&peers).list(&Paging::default()).await.unwrap_err();
        let ResourceError::Refused(refused) = &error else { panic!("{error:?}") };
        assert_eq!((refused.status.as_u16(), refused.retry_after), (403, Some(Duration::from_secs(7))));
        assert_eq!(refused.problem.is_some(), has_problem, "{length}");
    }
}

/// How a resource, or a proxy in front of it, responds to the header.
pub(crate) fn echoes(status: u16) -> impl Fn(&Asked) -> Scripted {
    move |asked| {
        let header = asked.headers["authorization"].to_str().unwrap();
        let (json, percent) = (header.replace('/', "\\/"), header.replace('+', "%2B").replace('/', "%2f"));
        let detail = format!("{header} or {json} or {percent}");
        let problem =
            json!({"type": header, "status": status, "title": header, "code": header, "detail": detail});
        Scripted::new(status, problem.to_string())
            .header("www-authenticate", format!("Bearer realm=\"{header}\", error_description=\"{percent}\""))
    }
}

#[tokio::test]
async fn a_token_that_the_resource_echoes_is_in_no_word_of_the_error() {
    let peers = Peers::start().await;
    let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary+a/b.canary=="}"#;
    peers.authority.answers(Scripted::json(200, token));
    let client = client(&peers);
    for status in [400, 401, 403, 404, 500] {
        peers.resource.otherwise_answers(echoes(status));
        let error = client.list(&Paging::default()).await.unwrap_err();
        assert!(error.to_string().contains("Bearer [redacted]"), "{error}");
        shows_no_canary(&format!("{error} {error:?}"));
    }
}

#[tokio::test]
async fn an_answer_that_the_api_does_not_promise_is_an_error() {
    let (peers, client_of) = (Peers::start().await, client);
    let cases = [
        Scripted::json(200, "{}"),
        Scripted::json(200, r#"{"items": "#),
        Scripted::json(200, r#"{"items": [{}]}"#),
        Scripted::new(200, "<html>"),
        Scripted::json(201, r#"{"items": []}"#),
        Scripted::new(204, ""),
        Scripted::json(200, vec![b' '; 8 * 1024 * 1024 + 1]),
        Scripted::json(200, "{").breaking_off(),
    ];
    for scripted in cases {
        let status = scripted.status;
        peers.resource.answers(scripted);
        match client_of(&peers).list(&Paging::default()).await {
            Err(ResourceError::Malformed { status: came, .. }) => {
                assert_eq!(came.as_u16(), status);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_redirect_of_the_resource_is_not_followed() {
    let (peers, elsewhere) = (Peers::start().await, Peer::resource().await);
    for status in [301, 302, 303, 307, 308] {
        peers.resource.answers(Scripted::new(status, "").header("location", format!("{}/", elsewhere.url)));
        let error = client(&peers).list(&Paging::default()).await.unwrap_err();
        let (text, address) = (error.to_string(), format!("to {}/", elsewhere.url));
        assert!(text.contains(&address) && text.contains("RESOURCE__BASE_URL"), "{text}");
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn without_a_token_the_resource_is_not_called() {
    let peers = Peers::start().await;
    peers.authority.answers(Scripted::new(503, "").header("retry-after", "60"));
    let error = client(&peers).read(Uuid::nil()).await.unwrap_err();
    assert!(matches!(error, ResourceError::Token(_)), "{error:?}");
    assert!(peers.resource.asked().is_empty());
    shows_no_canary(&format!("{error:?}"));
}

#[tokio::test]
async fn a_text_that_would_break_a_header_is_not_sent() {
    let peers = Peers::start().await;
    let error = client(&peers).create(&new(), Some("a\r\nX: y")).await.unwrap_err();
    assert!(matches!(error, ResourceError::NotAHeaderValue(_)), "{error:?}");
    assert!(peers.resource.asked().is_empty());
}

fn page() -> Scripted {
    Scripted::json(200, r#"{"items":[],"next":null}"#)
}

fn refused(status: u16, challenge: &str) -> Scripted {
    Scripted::new(status, "").header("www-authenticate", challenge)
}

const INVALID_TOKEN: &str = r#"Basic realm="x", Bearer error="invalid_token", error_description="expired""#;

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let peers = Peers::start().await;
    peers.resource.answers(refused(401, INVALID_TOKEN)).answers(page());
    let client = client(&peers);
    client.list(&Paging::default()).await.unwrap();
    assert_eq!((peers.authority.asked().len(), peers.resource.asked().len()), (2, 2));

    peers.resource.answers(refused(401, "Bearer")).answers(refused(403, INVALID_TOKEN));
    for status in [401, 403] {
        let error = client.list(&Paging::default()).await.unwrap_err();
        assert!(matches!(&error, ResourceError::Refused(refused) if refused.status == status), "{error:?}");
    }
    assert_eq!((peers.authority.asked().len(), peers.resource.asked().len()), (2, 4));
}

#[tokio::test]
async fn a_second_refusal_is_no_matter_of_the_token() {
    let peers = Peers::start().await;
    peers.resource.answers(refused(401, INVALID_TOKEN)).answers(refused(401, INVALID_TOKEN));
    let error = client(&peers).list(&Paging::default()).await.unwrap_err();
    assert!(matches!(error, ResourceError::Refused(_)), "{error:?}");
    assert_eq!((peers.authority.asked().len(), peers.resource.asked().len()), (2, 2));
}

#[tokio::test]
async fn a_claims_challenge_is_answered_with_the_claims() {
    let peers = Peers::start().await;
    // {"access_token":{"nbf":{"essential":true}}}
    let claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==";
    let challenge = format!(r#"Bearer realm="", error="insufficient_claims", claims="{claims}""#);
    peers.resource.answers(refused(401, &challenge)).answers(page());
    client(&peers).list(&Paging::default()).await.unwrap();
    let asked = peers.authority.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        !asked[0].body.contains("claims=") && asked[1].body.contains("claims=%7B%22access_token%22"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_call_waits_only_where_repeating_it_does_no_harm() {
    let peers = Peers::start().await;
    let busy = |status| Scripted::new(status, "").header("retry-after", "0");
    let client = client(&peers);
    peers.resource.answers(busy(503)).answers(busy(429)).answers(page());
    client.list(&Paging::default()).await.unwrap();
    let id = Uuid::now_v7();
    let created = || Scripted { status: 201, ..Scripted::json(200, resource(id).to_string()) };
    peers.resource.answers(busy(503)).answers(created());
    client.create(&new(), Some("key")).await.unwrap();
    let asked = peers.resource.asked();
    assert!(asked[3..].iter().all(|asked| asked.headers["idempotency-key"] == "key"));
    assert_eq!(asked[3].body, asked[4].body);
    peers.resource.answers(busy(503));
    assert!(matches!(client.create(&new(), None).await, Err(ResourceError::Refused(_))));
    // Longer than the total time limit of a call, or absent: the caller decides.
    peers
        .resource
        .answers(Scripted::new(503, "").header("retry-after", "3600"))
        .answers(Scripted::new(503, ""));
    let error = client.list(&Paging::default()).await.unwrap_err().to_string();
    assert!(error.contains("3600 s"), "{error}");
    assert!(matches!(client.list(&Paging::default()).await, Err(ResourceError::Refused(_))));
    assert_eq!((peers.authority.asked().len(), peers.resource.asked().len()), (1, 8));
}

#[tokio::test]
async fn every_error_of_a_call_names_its_request_and_its_trace() {
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut headers = http::HeaderMap::new();
    headers.insert("x-request-id", "r-4711".parse().unwrap());
    headers.insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    let peers = Peers::start().await;
    let client = client(&peers).on_behalf_of(Correlation::from_headers(&headers));
    for scripted in [
        Scripted::new(500, ""),
        Scripted::new(200, "malformed"),
        Scripted::json(200, "{").breaking_off(),
        page().after(Duration::from_mins(1)),
    ] {
        peers.resource.answers(scripted);
        let error = client.list(&Paging::default()).await.unwrap_err().to_string();
        assert!(
            error.contains("request id r-4711") && error.contains(&format!("trace id {trace}")),
            "{error}"
        );
    }
    assert_eq!(peers.resource.asked().len(), 4);
}

#[tokio::test]
async fn a_call_names_its_request_and_its_trace_and_so_does_its_error() {
    let peers = Peers::start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut headers = http::HeaderMap::new();
    headers.insert("x-request-id", "r-4711".parse().unwrap());
    headers.insert("traceparent", format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
    let client = client(&peers).on_behalf_of(Correlation::from_headers(&headers));
    peers.resource.answers(Scripted::new(500, ""));
    let error = client.list(&Paging::default()).await.unwrap_err().to_string();
    assert!(error.contains("r-4711") && error.contains(trace), "{error}");
    let asked = &peers.resource.asked()[0].headers;
    assert_eq!(asked["x-request-id"], "r-4711");
    let parent = asked["traceparent"].to_str().unwrap();
    assert!(parent.starts_with(&format!("00-{trace}-")) && !parent.contains("00f067aa0ba902b7"), "{parent}");
}

#[tokio::test]
async fn the_wrong_scheme_is_named() {
    let peers = Peers::start().await;
    let url = peers.resource.url.replace("http://", "https://");
    let client = peers.settings_with(&[("RESOURCE__BASE_URL", url.as_str())]).resource_client().unwrap();
    let error = client.list(&Paging::default()).await.unwrap_err().to_string();
    assert!(error.contains("resource.base_url"), "{error}");
}

#[tokio::test]
async fn the_client_of_the_library_follows_no_redirect() {
    let (peers, elsewhere) = (Peers::start().await, Peer::resource().await);
    let http = HttpClient::trusting(&peers.authority.ca_pem).unwrap();
    for status in [301, 302, 303, 307, 308] {
        peers.authority.answers(Scripted::new(status, "").header("location", format!("{}/", elsewhere.url)));
        let answer = http.send(http.post(&peers.authority.url).body("secret")).await.unwrap();
        assert_eq!(answer.status(), status);
    }
    assert!(elsewhere.asked().is_empty());
}

#[tokio::test]
async fn an_ipv6_literal_is_called_where_it_listens() {
    let peers = Peers::start().await;
    // Nothing can be tested on a machine without IPv6.
    let Ok(listener) = tokio::net::TcpListener::bind(("::1", 0)).await else { return };
    let url = format!("http://[::1]:{}/orders", listener.local_addr().unwrap().port());
    let (seen, request) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let (mut stream, mut request) = (listener.accept().await.unwrap().0, vec![0; 8192]);
        let read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
        seen.send(String::from_utf8_lossy(&request[..read]).into_owned()).unwrap();
        let answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 12\r\n\r\n{\"items\":[]}";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
    });
    let host = url.split('/').nth(2).unwrap().to_owned();
    let client = peers.settings_with(&[("RESOURCE__BASE_URL", &url)]).resource_client().unwrap();
    client.list(&Paging::default()).await.unwrap();
    let request = request.await.unwrap();
    assert!(request.starts_with("GET /orders/api/resources HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("\r\nhost: {host}\r\n")), "{request}");
}
