use serde_json::{Value, json};

use crate::app::{App, assert_problem};
use crate::shutdown::exchange;

#[tokio::test]
async fn a_request_without_a_token_passes_as_the_nil_app() {
    let app = App::start_for_development().await;
    let caller: Value = app.get("/api/caller").send().await.unwrap().json().await.unwrap();
    let nil = "00000000-0000-0000-0000-000000000000";
    assert_eq!(caller, json!({ "source": "development_handler", "client_id": nil, "roles": [] }));
    let body = json!({ "name": "n", "content": null });
    let created = app.request(reqwest::Method::POST, "/api/resources").json(&body).send().await.unwrap();
    assert_eq!(created.status(), 201);
    assert_eq!(created.json::<Value>().await.unwrap()["created_by"], nil);
}

#[tokio::test]
async fn a_request_with_a_credential_is_judged_by_it() {
    let app = App::start_for_development().await;
    for (value, status, code) in [
        ("", 401, "token_missing"),
        ("Basic dTpw", 401, "token_missing"),
        ("Bearer", 400, "credential_syntax"),
        ("Bearer a.b.c", 401, "token_malformed"),
    ] {
        let response = app.get("/api/resources").header("authorization", value).send().await.unwrap();
        assert_problem(response, status, code).await;
    }
}

/// A hostile page whose host name resolves to this machine (DNS rebinding) must not pass as the developer.
#[tokio::test]
async fn only_a_request_to_a_loopback_name_passes_without_a_token() {
    let app = App::start_for_development().await;
    let port = app.url.rsplit(':').next().unwrap();
    for host in ["localhost", "LOCALHOST", "127.0.0.1", "[::1]"] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let response = app.get("/api/resources").header("host", &host).send().await.unwrap();
            assert_eq!(response.status(), 200, "{host}");
        }
    }
    for host in ["rebound.example", "localhost.rebound.example", "127.0.0.1.rebound.example", "10.0.0.1"] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let response = app.get("/api/resources").header("host", &host).send().await.unwrap();
            assert_problem(response, 401, "token_missing").await;
        }
    }
    for (target, status) in [("http://localhost", " 200 "), ("http://rebound.example", " 401 ")] {
        let request =
            format!("GET {target}/api/resources HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = exchange(&app, &request).await;
        assert!(answer.contains(status), "{target}: {answer}");
    }
    let nameless = exchange(&app, "GET /api/resources HTTP/1.0\r\n\r\n").await;
    assert!(nameless.contains(" 401 ") && nameless.contains("token_missing"), "{nameless}");
}
