//! Which contents and names are accepted, and that they are returned unchanged.

use reqwest::{Method, Response};

use crate::app::{App, assert_problem, location};

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

/// Returns the body as text, since parsing could change it.
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
        let path = location(&response);
        let expected = format!(r#""content":{content},"#);
        let created = response.text().await.unwrap();
        assert!(created.contains(&expected), "{created}");
        assert_eq!(text(&app, &path).await, created);
        assert!(text(&app, "/api/resources").await.contains(&expected));
    }
}

#[tokio::test]
async fn content_is_stored_as_it_was_sent() {
    let app = App::start_for_development().await;
    let deep = lists(10_000, "");
    for content in [r#"{"a":1,"a":2}"#, "1180591620717411303424", "1e400", r#"{ "b": 1, "a": [ ] }"#, &deep] {
        let response = send(&app, with_content(content)).await;
        assert_eq!(response.status(), 201, "{content}");
        let path = location(&response);
        let expected = format!(r#""content":{content},"#);
        assert!(response.text().await.unwrap().contains(&expected));
        assert!(text(&app, &path).await.contains(&expected));
        assert!(text(&app, "/api/resources").await.contains(&expected));
        let delete = app.request(Method::DELETE, &path).header("if-match", "*");
        assert_eq!(delete.send().await.unwrap().status(), 204);
    }
    for content in ["[1,]", "01", "NaN"] {
        assert_problem(send(&app, with_content(content)).await, 400, "malformed_json").await;
    }
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
