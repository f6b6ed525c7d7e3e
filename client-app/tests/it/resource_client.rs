//! What the resource is sent, and what of its answers is believed.

use client_app::resource_client::{Paging, ResourceClient, ResourceError};
use serde_json::{Value, json};
use shared::resource::NewResource;
use uuid::Uuid;

use crate::peer::{Peer, Peers, Scripted, TOKEN, shows_no_canary};

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
    NewResource { name: "first".into(), content: json!({"answer": 42}) }
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
    assert_eq!(refused.retry_after.as_ref().unwrap(), "7");
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
            Err(ResourceError::Malformed { status: came } | ResourceError::Body { status: came, .. }) => {
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
        assert!(matches!(error, ResourceError::Refused(_)), "{error:?}");
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
