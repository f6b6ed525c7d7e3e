//! What content and names may be, and that what is taken comes back as it was.

use reqwest::{Method, Response};
use serde_json::Value;

use crate::app::{App, assert_problem};

async fn send(app: &App, body: String) -> Response {
    let request = app.request(Method::POST, "/api/resources").header("content-type", "application/json");
    request.body(body).send().await.unwrap()
}

fn with_content(content: &str) -> String {
    format!(r#"{{"name":"n","content":{content}}}"#)
}

fn lists(depth: usize, inner: &str) -> String {
    format!("{}{inner}{}", "[".repeat(depth), "]".repeat(depth))
}

/// As text: a test must not read it in a way that changes it.
async fn text(app: &App, path: &str) -> String {
    let response = app.request(Method::GET, path).send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn a_member_of_any_name_is_a_member() {
    let app = App::start_for_development().await;
    for content in [
        r#"{"$serde_json::private::RawValue":"[1,2]"}"#,
        r#"{"$serde_json::private::RawValue":"not JSON"}"#,
        r#"{"$serde_json::private::RawValue":1,"x":2}"#,
        r#"{"$serde_json::private::Number":"1"}"#,
        r#"[{"$serde_json::private::Number":{}}]"#,
    ] {
        let response = send(&app, with_content(content)).await;
        assert_eq!(response.status(), 201, "{content}");
        let path = response.headers()["location"].to_str().unwrap().to_owned();
        let expected = format!(r#""content":{content},"#);
        let created = response.text().await.unwrap();
        assert!(created.contains(&expected), "{created}");
        assert_eq!(text(&app, &path).await, created);
        assert!(text(&app, "/api/resources").await.contains(&expected));
    }
}

#[tokio::test]
async fn content_that_hides_its_depth_harms_nobody() {
    let app = App::start_for_development().await;
    // Each text inside is shallow; what reads it as JSON goes deeper each time.
    let hidden = |inner: &str| {
        let quoted = Value::from(lists(90, inner)).to_string();
        format!(r#"{{"$serde_json::private::RawValue":{quoted}}}"#)
    };
    let nested = hidden(&hidden("1"));
    assert_problem(send(&app, with_content(&lists(90, &nested))).await, 422, "content_too_deep").await;
    let response = send(&app, with_content(&nested)).await;
    assert_eq!(response.status(), 201);
    let path = response.headers()["location"].to_str().unwrap().to_owned();
    assert!(text(&app, &path).await.contains(&nested));
    assert!(text(&app, "/api/resources").await.contains(&nested));
    let delete = app.request(Method::DELETE, &path).header("if-match", "*");
    assert_eq!(delete.send().await.unwrap().status(), 204);
}

#[tokio::test]
async fn content_that_readers_may_think_differently_of_is_refused() {
    let app = App::start_for_development().await;
    for (content, status, code) in [
        (r#"{"a":1,"a":2}"#, 422, "repeated_member"),
        (r#"[{"a":{"b":1,"\u0062":2}}]"#, 422, "repeated_member"),
        ("1180591620717411303424", 422, "number_out_of_range"),
        ("[-9223372036854775809]", 422, "number_out_of_range"),
        ("1e400", 422, "number_out_of_range"),
        (lists(65, "").as_str(), 422, "content_too_deep"),
        (lists(10_000, "").as_str(), 422, "content_too_deep"),
        (r#""\ud800""#, 400, "malformed_json"),
        ("[1,]", 400, "malformed_json"),
        ("01", 400, "malformed_json"),
    ] {
        let detail = assert_problem(send(&app, with_content(content)).await, status, code).await;
        if code == "content_too_deep" {
            assert!(detail.contains("64"), "{detail}");
        }
    }
    for content in [lists(64, ""), "18446744073709551615".into(), r#""\u0000\u001b\u2028""#.into()] {
        assert_eq!(send(&app, with_content(&content)).await.status(), 201, "{content}");
    }
    let page = text(&app, "/api/resources").await;
    assert!(page.contains(&lists(64, "")) && page.contains(r#""content":18446744073709551615,"#), "{page}");
}

#[tokio::test]
async fn a_name_is_one_line_of_characters_that_can_be_shown() {
    let app = App::start_for_development().await;
    let send_named = |name: &str| send(&app, format!(r#"{{"name":"{name}","content":1}}"#));
    for name in [r"a\rb", r"a\n", r"\u001b[31m", r"\u0000", r"\t", r"a\u007fb", r"\u0085"] {
        assert_problem(send_named(name).await, 422, "invalid_name").await;
    }
    for name in ["ü 名 \u{1f600}", r"\u00e9", "'; DROP TABLE resources; --"] {
        assert_eq!(send_named(name).await.status(), 201, "{name}");
    }
}
