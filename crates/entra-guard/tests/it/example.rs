//! Calls the examples.

use axum::body::Body;
use axum::extract::Request;
use http::{StatusCode, header};
use reqwest::Client;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::stage::{Stage, text};

#[path = "../../examples/grpc.rs"]
#[expect(dead_code, reason = "the program's `main` is not called here")]
mod grpc;

#[path = "../../examples/orders.rs"]
#[expect(dead_code, reason = "the program's `main` is not called here")]
mod orders;

#[tokio::test]
async fn the_example_orders_answers_200_401_and_403() {
    let stage = Stage::new().await;
    let router = orders::app(&stage.guard().await).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    let http = Client::builder().no_proxy().build().unwrap();
    let orders = format!("{url}/api/orders");

    let token = stage.token().await;
    let empty = http.get(&orders).bearer_auth(&token).send().await.unwrap();
    assert_eq!((empty.status(), empty.text().await.unwrap()), (StatusCode::OK, "[]".to_owned()));
    assert_eq!(http.get(&orders).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let denied = http.post(&orders).bearer_auth(&token).json("tea").send().await.unwrap();
    assert_eq!(denied.status(), StatusCode::FORBIDDEN);

    let writer = stage.tenant.client("writer").unwrap().grant(&stage.api, "Orders.Write").unwrap();
    let writing = writer.token(&stage.api).await.unwrap();
    let created = http.post(&orders).bearer_auth(writing.expose()).json("tea").send().await.unwrap();
    assert_eq!(created.status(), StatusCode::OK);
    let listed = http.get(&orders).bearer_auth(&token).send().await.unwrap().text().await.unwrap();
    assert_eq!(listed, format!("[\"tea, by {}\"]", writer.client_id()));
    assert_eq!(http.get(format!("{url}/health")).send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_example_grpc_answers_a_guarded_call_with_the_callers_id() {
    let stage = Stage::new().await;
    let service = grpc::app(&stage.guard().await).unwrap();
    let call = async |token: &str| {
        // A message of five bytes, not compressed.
        let request = Request::post("/orders.Orders/Find").body(Body::from("\0\0\0\0\x05order")).unwrap();
        let (mut parts, body) = request.into_parts();
        parts.headers.insert(header::CONTENT_TYPE, "application/grpc".parse().unwrap());
        if !token.is_empty() {
            parts.headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        }
        service.clone().oneshot(Request::from_parts(parts, body)).await.unwrap()
    };
    let answer = call(&stage.token().await).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(text(answer).await.ends_with(&format!("order of {}", stage.client.client_id())));
    assert_eq!(call("").await.status(), StatusCode::UNAUTHORIZED);
    let stranger = stage.tenant.client("stranger").unwrap().token(&stage.api).await.unwrap();
    assert_eq!(call(stranger.expose()).await.status(), StatusCode::FORBIDDEN);
}
