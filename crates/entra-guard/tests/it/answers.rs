//! What an app can change about refusals, and what it cannot.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use entra_guard::{Answers, AuthorizedOn, Denial, Refusal};
use http::{HeaderValue, Method, StatusCode, header};

use crate::routes::{Order, OrderPolicy, list};
use crate::stage::{Stage, send, text};

struct Plain;

impl Answers for Plain {
    fn body(&self, refusal: &Refusal) -> (HeaderValue, Body) {
        (HeaderValue::from_static("text/plain"), Body::from(format!("refused: {}", refusal.code())))
    }
}

fn order(secret: bool) -> Order {
    Order { created_by: None, secret }
}

async fn secret_first(authorized: AuthorizedOn<OrderPolicy>) -> &'static str {
    let _ = authorized.on(order(true));
    let _ = authorized.on(order(false));
    "canary"
}

async fn secret_last(authorized: AuthorizedOn<OrderPolicy>) -> Result<&'static str, Denial> {
    authorized.on(order(false))?;
    authorized.on(order(true))?;
    Ok("canary")
}

#[tokio::test]
async fn an_app_replaces_body_and_media_type_but_never_status_or_challenge() {
    let stage = Stage::new().await;
    let (standard, plain) = (stage.guard().await, stage.builder().answers(Plain).start().unwrap());
    plain.ready().await;
    let service = |guard: &entra_guard::Guard| {
        let api = guard.routes().get("/orders", list).post("/orders", crate::routes::create);
        guard.protect("/api", api, Router::new()).unwrap()
    };
    let (standard, plain) = (service(&standard), service(&plain));
    let token = stage.token().await;
    let (get, post, put) = (Method::GET, Method::POST, Method::PUT);
    for (method, path, token, code) in [
        (&get, "/api/orders", "", "token_missing"),
        (&get, "/api/orders", "a.b.c", "token_malformed"),
        (&get, "/api/orders", "a b", "credential_syntax"),
        (&get, "/api/nowhere", &token, "route_not_found"),
        (&put, "/api/orders", &token, "method_not_allowed"),
        (&post, "/api/orders", &token, "role_missing"),
    ] {
        let expected = send(&standard, method.clone(), path, token).await;
        let found = send(&plain, method.clone(), path, token).await;
        assert_eq!(found.status(), expected.status(), "{code}");
        let without_body = |response: &Response| {
            let mut headers = response.headers().clone();
            headers.remove(header::CONTENT_TYPE);
            headers.remove(header::CONTENT_LENGTH);
            headers
        };
        assert_eq!(without_body(&found), without_body(&expected), "{code}");
        assert_eq!(found.headers()[header::CONTENT_TYPE], "text/plain", "{code}");
        assert_eq!(expected.headers()[header::CONTENT_TYPE], "application/problem+json", "{code}");
        assert_eq!(text(found).await, format!("refused: {code}"));
        assert!(text(expected).await.contains(&format!("\"code\":\"{code}\"")), "{code}");
    }
}

#[tokio::test]
async fn no_answer_goes_out_once_any_policy_denied() {
    let stage = Stage::new().await;
    let guard = stage.guard().await;
    let api = guard.routes().get("/first", secret_first).get("/last", secret_last);
    let router = guard.protect("/api", api, Router::new()).unwrap();
    let token = stage.token().await;
    for (path, status) in
        [("/api/first", StatusCode::INTERNAL_SERVER_ERROR), ("/api/last", StatusCode::FORBIDDEN)]
    {
        let answer = send(&router, Method::GET, path, &token).await;
        assert_eq!(answer.status(), status, "{path}");
        assert!(!text(answer).await.contains("canary"), "{path}");
    }
}
