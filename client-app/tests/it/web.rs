//! The web service over HTTP.

use client_app::ClientApp;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::peer::{Peers, Scripted, TOKEN, shows_no_canary};
use crate::raw_peer::{Behaviour, Certificate, RawPeer};
use crate::resource_client::{echoes, resource};

struct Web {
    peers: Peers,
    url: String,
    http: Client,
    _running: DropGuard,
}

impl Web {
    async fn start() -> Self {
        Self::listening_on("127.0.0.1:0").await
    }

    async fn listening_on(address: &str) -> Self {
        Self::with(Peers::start().await, &[("SERVER__LISTEN", address)]).await
    }

    async fn with(peers: Peers, more: &[(&'static str, &str)]) -> Self {
        let app = ClientApp::bind(peers.settings_with(more)).await.unwrap();
        let (url, shutdown) = (app.url(), CancellationToken::new());
        tokio::spawn(app.run(shutdown.clone()));
        let http = Client::builder().no_proxy().build().unwrap();
        Self { peers, url, http, _running: shutdown.drop_guard() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }
}

/// Returns the status, `Retry-After` and code of a problem, after checking that it leaks nothing.
async fn problem(response: Response) -> (u16, Option<String>, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(!response.headers().contains_key("www-authenticate"));
    let wait = response.headers().get("retry-after").map(|wait| wait.to_str().unwrap().to_owned());
    let text = response.text().await.unwrap();
    shows_no_canary(&text);
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status);
    (status, wait, body["code"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_write_and_a_read_pass_their_headers_through() {
    let (web, id) = (Web::start().await, Uuid::now_v7());
    let answer = |status| Scripted::json(status, resource(id).to_string()).header("etag", "\"1\"");
    let elsewhere = answer(201).header("location", "https://elsewhere.example/");
    web.peers
        .resource
        .answers(elsewhere)
        .answers(answer(200))
        .answers(answer(200))
        .answers(Scripted::new(204, ""));
    let new = json!({"name": "first", "content": [1]});
    let path = format!("/api/resources/{id}");

    let created = web
        .request(Method::POST, "/api/resources")
        .header("idempotency-key", "key")
        .header("authorization", "Bearer of-the-caller")
        .json(&new)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    assert_eq!(created.headers()["location"], format!("resources/{id}"));
    assert_eq!(created.headers()["etag"], "\"1\"");
    let read = web.get(&path).await;
    assert_eq!((read.status().as_u16(), read.headers()["etag"].to_str().unwrap()), (200, "\"1\""));
    assert_eq!(read.json::<Value>().await.unwrap(), resource(id));
    let replaced =
        web.request(Method::PUT, &path).header("if-match", "\"0\"").json(&new).send().await.unwrap();
    assert_eq!(replaced.status(), 200);
    let deleted = web.request(Method::DELETE, &path).header("if-match", "\"1\"").send().await.unwrap();
    assert_eq!(deleted.status(), 204);

    let asked = web.peers.resource.asked();
    assert_eq!(asked[0].headers["idempotency-key"], "key");
    assert_eq!(asked[2].headers["if-match"], "\"0\"");
    assert_eq!(asked[3].headers["if-match"], "\"1\"");
    for asked in asked {
        // The caller's own credential is not forwarded.
        assert_eq!(asked.headers.get_all("authorization").iter().count(), 1);
        assert_eq!(asked.headers["authorization"], format!("Bearer {TOKEN}").as_str());
    }
}

#[tokio::test]
async fn a_body_in_another_encoding_than_utf_8_is_refused() {
    let web = Web::start().await;
    for method in [Method::POST, Method::PUT] {
        let path = format!(
            "/api/resources{}",
            if method == Method::PUT { "/0190163d-8694-739b-aea5-966c26f8ad91" } else { "" }
        );
        let request = web.request(method, &path).header("content-type", "application/json; charset=utf-16");
        let answer = request.body(r#"{"name":"n","content":1}"#).send().await.unwrap();
        assert_eq!(answer.status(), 415);
        assert_eq!(answer.json::<Value>().await.unwrap()["code"], "unsupported_media_type");
    }
    assert!(web.peers.resource.asked().is_empty());
}

#[tokio::test]
async fn a_page_is_asked_for_as_the_caller_asks() {
    let web = Web::start().await;
    web.peers.resource.answers(Scripted::json(200, r#"{"items": [], "next": "c"}"#));
    let page: Value = web.get("/api/resources?limit=2&after=a%26b").await.json().await.unwrap();
    assert_eq!(page, json!({"items": [], "next": "c"}));
    assert_eq!(web.peers.resource.asked()[0].target, "/api/resources?limit=2&after=a%26b");
}

#[tokio::test]
async fn an_error_of_the_resource_is_passed_on_only_if_the_caller_can_fix_it() {
    let web = Web::start().await;
    let problem_of = |status: u16, code: &str| {
        let body = json!({"status": status, "title": "x", "code": code, "detail": "canary?"}).to_string();
        Scripted::new(status, body.replace("canary?", "why"))
            .header("www-authenticate", "Bearer error=\"invalid_token\"")
            // Longer than the time limit of a call: the response does not wait for it.
            .header("retry-after", "60")
    };
    let cases = [
        (problem_of(400, "invalid_cursor"), (400, None, "invalid_cursor")),
        (problem_of(404, "not_found"), (404, None, "not_found")),
        (problem_of(409, "key_reused"), (409, None, "key_reused")),
        (problem_of(412, "stale"), (412, None, "stale")),
        (problem_of(413, "too_large"), (413, None, "too_large")),
        (problem_of(422, "invalid"), (422, None, "invalid")),
        (problem_of(428, "precondition_required"), (428, None, "precondition_required")),
        (Scripted::new(404, "canary"), (404, None, "refused_by_resource")),
        (
            Scripted::new(404, r#"{"status":200,"title":"canary","code":"x"}"#),
            (404, None, "refused_by_resource"),
        ),
        (problem_of(401, "token_invalid"), (502, None, "resource_refused_token")),
        (problem_of(403, "role_missing"), (502, None, "resource_denied_access")),
        (problem_of(500, "internal"), (502, None, "resource_failed")),
        (problem_of(302, "moved"), (502, None, "resource_failed")),
        (problem_of(503, "starting"), (503, Some("60"), "resource_unavailable")),
        (problem_of(429, "slower"), (503, Some("60"), "resource_unavailable")),
        (Scripted::json(200, "canary"), (502, None, "resource_malformed")),
    ];
    for (scripted, (status, wait, code)) in cases {
        let shown = format!("{scripted:?}");
        if scripted.status == 401 {
            // Two requests, since a refused token is replaced once.
            web.peers.resource.answers(scripted.clone());
        }
        web.peers.resource.answers(scripted);
        let answer = problem(web.get(&format!("/api/resources/{}", Uuid::nil())).await).await;
        assert_eq!(answer, (status, wait.map(str::to_owned), code.to_owned()), "{shown}");
    }
}

#[tokio::test]
async fn a_caller_learns_that_there_is_no_token_and_not_why() {
    let envelope =
        r#"{"error":"invalid_client","error_description":"AADSTS7000215: canary","error_codes":[7000215]}"#;
    let cases = [
        (Scripted::json(401, envelope), (502, None, "token_refused")),
        (Scripted::json(200, "{}"), (502, None, "authority_malformed")),
        (
            Scripted::new(429, "Too Many").header("retry-after", "60"),
            (503, Some("60"), "authority_unavailable"),
        ),
        (Scripted::new(503, "canary"), (503, None, "authority_unavailable")),
    ];
    for path in ["/api/resources", "/health/ready"] {
        for (scripted, (status, wait, code)) in cases.clone() {
            let web = Web::start().await;
            // Two requests, since an outage is retried once.
            web.peers.authority.answers(scripted.clone()).answers(scripted);
            let answer = problem(web.get(path).await).await;
            assert_eq!(answer, (status, wait.map(str::to_owned), code.to_owned()), "{path}");
            assert!(web.peers.resource.asked().is_empty());
        }
    }
}

#[tokio::test]
async fn a_token_that_the_resource_echoes_goes_no_further() {
    let web = Web::start().await;
    let token = r#"{"token_type":"Bearer","expires_in":3599,"access_token":"canary+a/b.canary=="}"#;
    web.peers.authority.otherwise_answers(move |_| Scripted::json(200, token));
    for status in [400, 401, 404, 500] {
        web.peers.resource.otherwise_answers(echoes(status));
        let answer = web.get(&format!("/api/resources/{}", Uuid::nil())).await;
        let expected = if matches!(status, 400 | 404) { status } else { 502 };
        assert_eq!(problem(answer).await.0, expected);
    }
}

#[tokio::test]
async fn who_is_not_trusted_is_told_from_who_refuses() {
    let other = RawPeer::start(Behaviour::Sends(Vec::new()), Certificate::Good).await;
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("other.pem");
    std::fs::write(&ca, &other.ca_pem).unwrap();
    let authority = [("HTTP_CLIENT__CA_FILE", ca.to_str().unwrap())];
    // Without a request to the authority it is unknown whether it would have issued a token.
    let web = Web::with(Peers::start().await, &authority).await;
    let answer = problem(web.get("/api/resources").await).await;
    assert_eq!(answer, (502, None, "authority_untrusted".to_owned()));
    let web = Web::with(Peers::start().await, &[("RESOURCE__BASE_URL", &other.url)]).await;
    let answer = problem(web.get("/api/resources").await).await;
    assert_eq!(answer, (502, None, "resource_untrusted".to_owned()));
}

#[tokio::test]
async fn it_is_alive_at_once_and_ready_with_a_token_whatever_the_resource_does() {
    let web = Web::start().await;
    web.peers.authority.answers(Scripted::new(503, "")).answers(Scripted::new(503, ""));
    assert_eq!(web.get("/health/ready").await.status(), 503);
    assert_eq!(web.get("/health/live").await.status(), 200);
    assert_eq!(web.get("/health/ready").await.status(), 200);
    assert_eq!(web.get("/health/ready").await.status(), 200);
    assert_eq!(web.peers.authority.asked().len(), 3);
    assert!(web.peers.resource.asked().is_empty());
}

#[tokio::test]
async fn what_cannot_be_meant_is_refused_before_a_call() {
    let web = Web::start().await;
    let post = |body: &str| {
        web.request(Method::POST, "/api/resources")
            .header("content-type", "application/json")
            .body(body.to_owned())
    };
    let get = |path: &str| web.request(Method::GET, path);
    let nested = format!(r#"{{"name":"x","content":{}1}}"#, "[".repeat(100_000));
    let cases = [
        (post("{"), 400, "malformed_json"),
        (post(&nested), 400, "malformed_json"),
        (post(r#"{"name":"x"}"#), 422, "invalid_resource"),
        (post(r#"["x",1]"#), 422, "invalid_resource"),
        (post(r#"{"name":"x","content":1,"canary":1}"#), 422, "invalid_resource"),
        (post(&" ".repeat(512 * 1024 + 1)), 413, "content_too_large"),
        (web.request(Method::POST, "/api/resources").body("{}"), 415, "unsupported_media_type"),
        (get("/api/resources/canary"), 404, "resource_not_found"),
        (get("/api/resources?limit=canary"), 400, "invalid_query"),
        (get("/api/resources?canary=1"), 400, "invalid_query"),
        (get("/api/canary"), 404, "route_not_found"),
        (web.request(Method::PATCH, "/api/resources"), 405, "method_not_allowed"),
    ];
    for (request, status, code) in cases {
        assert_eq!(problem(request.send().await.unwrap()).await, (status, None, code.to_owned()));
    }
    assert!(web.peers.resource.asked().is_empty());
}

#[tokio::test]
async fn on_loopback_it_answers_to_the_names_of_this_machine_alone() {
    let web = Web::start().await;
    for host in ["localhost", "LOCALHOST:5002", "127.0.0.1:5002", "[::1]:5002"] {
        let response = web.request(Method::GET, "/health/live").header("host", host).send().await.unwrap();
        assert_eq!(response.status(), 200, "{host}");
    }
    for host in ["rebound.example", "localhost.evil", "127.0.0.1.nip.io", "10.0.0.1"] {
        let response = web.request(Method::GET, "/api/resources").header("host", host).send().await.unwrap();
        assert_eq!(problem(response).await, (421, None, "not_this_machine".to_owned()), "{host}");
    }
    assert!(web.peers.resource.asked().is_empty());
}

#[tokio::test]
async fn beyond_loopback_it_answers_to_any_name() {
    let web = Web::listening_on("0.0.0.0:0").await;
    let response =
        web.request(Method::GET, "/health/live").header("host", "client:5002").send().await.unwrap();
    assert_eq!(response.status(), 200);
}
