use reqwest::Method;

use crate::app::{App, assert_problem, guarded_routes};

const BARE: &str = "Bearer realm=\"resource-app\"";

#[tokio::test]
async fn no_api_path_answers_without_a_token_whether_it_exists_or_not() {
    let app = App::start(&[]).await;
    let id = "0191c7d0-6f5e-7c3a-9f9b-1c2d3e4f5a6b";
    let mut requests: Vec<(Method, String)> =
        guarded_routes().into_iter().map(|route| (route.method, route.path.replace("{id}", id))).collect();
    let description: serde_json::Value = app.get("/openapi.json").send().await.unwrap().json().await.unwrap();
    let paths =
        description["paths"].as_object().unwrap().iter().filter(|(path, _)| path.starts_with("/api/"));
    let described = paths.map(|(_, operations)| operations.as_object().unwrap().len()).sum::<usize>();
    assert_eq!(requests.len(), described);
    assert!(described >= 6, "{described}");
    for method in ["GET", "HEAD", "POST", "PATCH", "OPTIONS", "TRACE", "PROPFIND"] {
        for path in [
            "/api",
            "/api/",
            "/api/?access_token=canary",
            "/api//",
            "/api/nowhere",
            "/api/resources/",
            "/api/resources/x/y",
            "/api/resources%2f",
            "/api/resources;x",
            "/api/RESOURCES",
            "/api/resources?access_token=canary",
        ] {
            requests.push((Method::from_bytes(method.as_bytes()).unwrap(), path.to_owned()));
        }
    }
    for (method, path) in requests {
        let response = app.request(method.clone(), &path).body("{}").send().await.unwrap();
        assert_eq!(response.status(), 401, "{method} {path}");
        assert_eq!(response.headers()["www-authenticate"], BARE, "{method} {path}");
        assert_eq!(response.headers()["cache-control"], "no-store");
        if method == Method::HEAD {
            assert_eq!(response.status(), 401, "{path}");
        } else {
            assert_problem(response, 401, "token_missing").await;
        }
    }
}

#[tokio::test]
async fn a_path_outside_of_the_api_does_not_become_one() {
    let app = App::start(&[]).await;
    for path in ["/", "//api/resources", "/API/resources", "/apiresources"] {
        let response = app.get(path).send().await.unwrap();
        assert_problem(response, 404, "route_not_found").await;
    }
    let response = app.request(Method::POST, "/health/live").send().await.unwrap();
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    assert_problem(response, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn a_web_page_is_allowed_nothing_by_a_preflight() {
    let app = App::start(&[]).await;
    for path in ["/api/resources", "/api/caller", "/health/live", "/openapi.json"] {
        for origin in ["https://elsewhere.example", "null"] {
            let request = app.request(Method::OPTIONS, path).header("origin", origin);
            let request = request.header("access-control-request-method", "GET");
            let response =
                request.header("access-control-request-headers", "authorization").send().await.unwrap();
            let allowing = |name: &&reqwest::header::HeaderName| name.as_str().starts_with("access-control-");
            assert_eq!(response.headers().keys().find(allowing), None, "{path} {origin}");
            if path.starts_with("/api") {
                assert_eq!(response.headers()["www-authenticate"], BARE, "{path} {origin}");
                assert_problem(response, 401, "token_missing").await;
            } else {
                assert_problem(response, 405, "method_not_allowed").await;
            }
        }
    }
}

#[tokio::test]
async fn credentials_are_refused_by_their_syntax_before_anything_else() {
    let app = App::start(&[]).await;
    let request = || app.get("/api/resources");
    let cases = [
        (request().header("authorization", ""), 401, "token_missing", ""),
        (request().header("authorization", "Basic dTpw"), 401, "token_missing", ""),
        (request().header("authorization", "Bearer"), 400, "credential_syntax", "invalid_request"),
        (request().header("authorization", "Bearer canary x"), 400, "credential_syntax", "invalid_request"),
        (
            request().header("authorization", "Bearer a").header("authorization", "Bearer b"),
            400,
            "several_credentials",
            "invalid_request",
        ),
        (
            app.get("/api/resources?access_token=canary").bearer_auth("a.b.c"),
            400,
            "token_in_query",
            "invalid_request",
        ),
        (request().bearer_auth("canary"), 401, "token_malformed", "invalid_token"),
        (request().bearer_auth("a".repeat(17 * 1024)), 401, "token_too_large", "invalid_token"),
    ];
    for (request, status, code, error) in cases {
        let response = request.send().await.unwrap();
        let challenge = response.headers()["www-authenticate"].to_str().unwrap().to_owned();
        assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 1);
        assert!(challenge.starts_with(BARE) && !challenge.contains("canary"), "{challenge}");
        let expected = format!(", error=\"{error}\", error_description=\"");
        assert_eq!(challenge.contains(&expected), !error.is_empty(), "{challenge}");
        let detail = assert_problem(response, status, code).await;
        assert!(!detail.contains("canary"));
    }
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_the_security_headers() {
    let app = App::start(&[]).await;
    for path in ["/health/live", "/api/resources", "/nowhere", "/openapi.json"] {
        let response = app.get(path).header("x-request-id", "my-id").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], "my-id", "{path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
        assert!(response.headers().contains_key("content-security-policy"), "{path}");
        let response = app.get(path).header("x-request-id", "not mine").send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"].len(), 36, "{path}");
    }
}
