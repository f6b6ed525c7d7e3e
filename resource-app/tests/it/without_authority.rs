use std::time::Duration;

use crate::app::{App, assert_problem};
use crate::shutdown::exchange;

/// Well-formed, for the default tenant and API, not expired, with an invalid signature.
fn token() -> String {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let tenant = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
    let now = jiff::Timestamp::now().as_second();
    let claims = serde_json::json!({
        "aud": "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4", "iss": format!("https://127.0.0.1:1/{tenant}/v2.0"),
        "iat": now, "nbf": now, "exp": now + 3600, "tid": tenant, "ver": "2.0",
        "oid": tenant, "sub": tenant, "azp": tenant, "roles": ["Resource.Read"],
    });
    let header = r#"{"typ":"JWT","alg":"RS256","kid":"K1"}"#;
    format!("{}.{}.AA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

#[tokio::test]
async fn the_app_lives_but_is_not_ready_until_it_has_keys() {
    let app = App::start(&[]).await;
    assert_eq!(app.get("/health/live").send().await.unwrap().status(), 200);
    let response = app.get("/health/ready").send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let detail = assert_problem(response, 503, "not_ready").await;
    assert!(detail.contains("signing keys") && !detail.contains("store"), "{detail}");
}

#[tokio::test]
async fn a_token_that_cannot_be_judged_is_answered_503_and_not_401() {
    let app = App::start(&[]).await;
    let response = app.get("/api/resources").bearer_auth(token()).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_problem(response, 503, "keys_unavailable").await;
    // What can be judged without keys is.
    let response = app.get("/api/resources").bearer_auth("a.b.c").send().await.unwrap();
    assert_problem(response, 401, "token_malformed").await;
}

#[tokio::test]
async fn metrics_are_on_their_own_listener_with_bounded_labels() {
    let app = App::start(&[]).await;
    app.get("/health/live").send().await.unwrap();
    app.get("/api/resources/canary").send().await.unwrap();
    app.get("/canary").send().await.unwrap();
    app.request(reqwest::Method::from_bytes(b"CANARY").unwrap(), "/health/live").send().await.unwrap();
    assert_problem(app.get("/metrics").send().await.unwrap(), 404, "route_not_found").await;
    assert!(exchange(&app, "GET / HTTP/1.1\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    let url = format!("http://{}/metrics", app.metrics);
    let text = app.client().get(url).send().await.unwrap().text().await.unwrap();
    for line in [
        r#"http_requests_total{method="GET",route="/health/live",status="200"} 1"#,
        r#"http_requests_total{method="GET",route="/api/resources/{id}",status="401"} 1"#,
        r#"http_requests_total{method="GET",route="unmatched",status="404"} "#,
        r#"http_requests_total{method="other",route="/health/live",status="405"} 1"#,
        r#"problems_total{code="token_missing"} 1"#,
        "signing_keys 0",
        "signing_keys_removed 0",
        r#"http_connections_ended_total{reason="malformed_request"} 1"#,
        r#"http_connections_ended_total{reason="timed_out"} 0"#,
        r#"http_connections_ended_total{reason="displaced"} 0"#,
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(!text.to_lowercase().contains("canary"));
}

#[tokio::test]
async fn it_stops_although_the_authority_is_away() {
    let app = App::start(&[]).await;
    tokio::time::timeout(Duration::from_secs(5), app.stop()).await.unwrap();
}
