//! Every route in the API's OpenAPI document, with and without the right token.

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::guarded_api::Place;

/// The method, the path with an id filled in, and the documented path of each operation.
async fn documented(world: &World) -> Vec<(Method, String, String)> {
    let document: Value =
        world.request(Method::GET, "/openapi.json").send().await.unwrap().json().await.unwrap();
    let mut routes = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let filled = path.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057");
            routes.push((method, filled, path.clone()));
        }
    }
    routes
}

#[tokio::test]
async fn the_document_lists_every_route_of_the_contract() {
    let world = World::start().await;
    let listed: Vec<String> = documented(&world)
        .await
        .into_iter()
        .filter(|(_, path, _)| path.starts_with("/api/"))
        .map(|(method, _, path)| format!("{method} {path}"))
        .collect();
    for route in [
        "DELETE /api/resources/{id}",
        "GET /api/caller",
        "GET /api/resources",
        "GET /api/resources/{id}",
        "POST /api/resources",
        "PUT /api/resources/{id}",
    ] {
        assert!(listed.iter().any(|it| it == route), "{route}: {listed:?}");
    }
}

#[tokio::test]
async fn no_route_of_the_api_answers_without_a_token() {
    let world = World::start().await;
    for (method, path, _) in documented(&world).await {
        if !path.starts_with("/api/") {
            continue;
        }
        let response = world.request(method.clone(), &path).json(&json!({})).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
        assert_eq!(
            response.headers()[header::WWW_AUTHENTICATE],
            r#"Bearer realm="resource-app""#,
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn a_token_without_roles_gets_no_further_than_the_default_policy() {
    let world = World::start().await;
    let token = world.token(json!({ "roles": null })).await;
    for (method, path, _) in documented(&world).await {
        if !path.starts_with("/api/") {
            continue;
        }
        let request =
            world.request(method.clone(), &path).header(header::AUTHORIZATION, token.authorization());
        let expected = if path == "/api/caller" { StatusCode::OK } else { StatusCode::FORBIDDEN };
        assert_eq!(request.json(&json!({})).send().await.unwrap().status(), expected, "{method} {path}");
    }
}

#[tokio::test]
async fn no_trick_with_method_or_path_gets_past_the_guard() {
    let world = World::start().await;
    let methods = ["HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND"];
    for method in methods {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let status = world.request(method.clone(), "/api/resources").send().await.unwrap().status();
        assert!(!status.is_success(), "{method}: {status}");
    }
    // Sent raw, since an HTTP library would normalise some of them.
    let api = Place::new(&world, "").start().await;
    let mut connection = api.connection().await;
    for target in [
        "/api",
        "/api/",
        "/api/unheard-of",
        "//api/resources",
        "/api//resources",
        "/API/resources",
        "/api/Resources",
        "/api/resources/",
        "/api/resources%2f",
        "/api%2fresources",
        "/%61pi/resources",
        "/api/resources;x",
        "/api;x/resources",
        "/api/resources?x=/health/live",
        "/api/./resources",
        "/./api/resources",
        "/x/../api/resources",
        "/health/../api/resources",
        "/health/live/../../api/resources",
        "/x/%2e%2e/api/resources",
        "/health/%2e%2e/api/resources",
        "/api/resources/../resources",
        "http://localhost/api/resources",
        "http://elsewhere.invalid//api/resources",
    ] {
        let answer = connection.get(target, None).await;
        assert!((400..500).contains(&answer.status), "{target}: {}", answer.status);
        if answer.closes() {
            connection = api.connection().await;
        }
    }
}

#[tokio::test]
async fn what_is_open_is_open_and_shows_no_data() {
    let world = World::start().await;
    for path in ["/health/live", "/health/ready", "/openapi.json"] {
        assert_eq!(world.request(Method::GET, path).send().await.unwrap().status(), StatusCode::OK, "{path}");
    }
    let docs = world.request(Method::GET, "/docs").send().await.unwrap().status();
    assert!(docs.is_success() || docs.is_redirection(), "{docs}");
    assert_eq!(world.request(Method::GET, "/metrics").send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn bad_input_is_answered_with_what_was_wrong() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let long = "x".repeat(201);
    let large = "x".repeat(65 * 1024);
    let cases = [
        (json!({ "name": "", "content": 1 }), "empty name"),
        (json!({ "name": long, "content": 1 }), "long name"),
        (json!({ "name": 1, "content": 1 }), "name is a number"),
        (json!({ "content": 1 }), "no name"),
        (json!({ "name": "x" }), "no content"),
        (json!({ "name": "x", "content": 1, "id": "mine" }), "unknown field"),
        (json!({ "name": "x", "content": large }), "large content"),
        (json!([]), "a list"),
    ];
    for (body, case) in cases {
        let response = world.post(&token, &body).await;
        let status = response.status();
        assert!(matches!(status.as_u16(), 400 | 413 | 422), "{case}: {status}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json", "{case}");
        let problem: Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().is_some_and(|detail| !detail.is_empty()), "{case}: {problem}");
    }
    for path in ["/api/resources/not-an-id", "/api/resources/%00", "/api/resources/..%2f", "/api/resources/'"]
    {
        let status = world.get(path, &token).await.status();
        assert!(matches!(status.as_u16(), 400 | 404), "{path}: {status}");
    }
}
