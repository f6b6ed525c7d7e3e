use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use entra_stand_in::Authority;
use entra_token::{BearerClient, DeniedToken, Instance, InvalidBaseUrl, Token, TokenRetriever};

/// A retriever of a client of the stand-in.
async fn retriever(authority: &Authority) -> TokenRetriever {
    let tenant = authority.tenant().await.unwrap();
    let api = tenant.application("orders").unwrap().role("Orders.Read").unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Orders.Read").unwrap();
    let instance = Instance::parse(&authority.instance().to_string()).unwrap();
    let tenant_id = tenant.id().to_string().parse().unwrap();
    let secret = entra_token::ClientSecret::parse(client.secret().expose()).unwrap();
    TokenRetriever::builder(
        entra_token::Authority::new(instance, tenant_id, None),
        client.client_id().to_string().parse().unwrap(),
        secret,
    )
    .http_client(entra_token::HttpClient::trusting(authority.ca_certificate_pem()).unwrap())
    .build(&api.app_id_uri())
    .unwrap()
}

/// An API that refuses the first token as invalid; returns its URL and counts its calls.
async fn refusing_once() -> (String, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let handler = move |headers: HeaderMap, body: Bytes| {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            assert!(headers.contains_key(header::AUTHORIZATION));
            let challenge = [(header::WWW_AUTHENTICATE, r#"Bearer error="invalid_token""#)];
            if number == 0 {
                (StatusCode::UNAUTHORIZED, challenge, "no".into())
            } else {
                (StatusCode::OK, challenge, body)
            }
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().route("/v1/orders", post(handler))).into_future());
    (url, calls)
}

#[tokio::test]
async fn a_refused_token_is_replaced_once_and_the_body_sent_again() {
    let authority = Authority::builder().spawn().await.unwrap();
    let (url, calls) = refusing_once().await;
    let client = BearerClient::new(&format!("{url}/v1"), retriever(&authority).await).unwrap();
    let first = client.token().await.unwrap();
    let response = client.post("/orders").body("a book").send().await.unwrap();
    let sent = Arc::clone(response.extensions().get::<Arc<Token>>().unwrap());
    assert_eq!((response.status(), response.text().await.unwrap()), (StatusCode::OK, "a book".to_owned()));
    assert_eq!(calls.load(Ordering::SeqCst), 2);
    assert_ne!(sent.access_token().expose(), first.access_token().expose());
}

#[tokio::test]
async fn a_body_that_cannot_be_cloned_gets_the_401() {
    let authority = Authority::builder().spawn().await.unwrap();
    let (url, calls) = refusing_once().await;
    let client = BearerClient::new(&url, retriever(&authority).await).unwrap();
    let stream =
        reqwest::Body::wrap_stream(futures_util::stream::once(async { Ok::<_, std::io::Error>("a book") }));
    let response = client.post("/v1/orders").body(stream).send().await.unwrap();
    assert_eq!(
        (response.status(), response.text().await.unwrap()),
        (StatusCode::UNAUTHORIZED, "no".to_owned())
    );
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn tokens_are_not_sent_to_another_machine_without_encryption() {
    let authority = Authority::builder().spawn().await.unwrap();
    let retriever = retriever(&authority).await;
    let error = BearerClient::new("http://api.contoso.com", retriever.clone()).unwrap_err();
    assert_eq!(error, InvalidBaseUrl::PlainHttp);
    assert!(BearerClient::new("https://api.contoso.com", retriever).is_ok());
}

/// An API that denies the first token that it sees and grants any other; returns its URL and counts its calls.
async fn denying_the_first_token() -> (String, Arc<AtomicUsize>) {
    let (calls, first) = (Arc::new(AtomicUsize::new(0)), Arc::new(OnceLock::new()));
    let counted = Arc::clone(&calls);
    let handler = move |headers: HeaderMap| {
        counted.fetch_add(1, Ordering::SeqCst);
        let token = headers[header::AUTHORIZATION].clone();
        let is_first = *first.get_or_init(|| token.clone()) == token;
        // Chunked, so that the body's length is not known in advance.
        let body = |text: &'static str| {
            axum::body::Body::from_stream(futures_util::stream::once(
                async move { Ok::<_, std::io::Error>(text) },
            ))
        };
        let denied = (StatusCode::FORBIDDEN, body(r#"{"status":403,"code":"role_missing"}"#));
        let answer = if is_first { denied } else { (StatusCode::OK, body("[]")) };
        async move { answer }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, Router::new().route("/orders", get(handler))).into_future());
    (url, calls)
}

#[tokio::test]
async fn a_role_that_was_granted_after_a_denial_is_used_without_waiting_for_the_renewal() {
    let authority = Authority::builder().spawn().await.unwrap();
    let (url, calls) = denying_the_first_token().await;
    let client = BearerClient::new(&url, retriever(&authority).await).unwrap();
    let answer = client.get("/orders").send().await.unwrap();
    let denied = *answer.extensions().get::<DeniedToken>().unwrap();
    assert!(denied.age.as_secs() < 60 && denied.unchanged_until.is_none(), "{denied:?}");
    assert_eq!((calls.load(Ordering::SeqCst), answer.status()), (1, StatusCode::FORBIDDEN));
    // The body is kept for the caller.
    assert!(answer.text().await.unwrap().contains("role_missing"));

    tokio::time::pause();
    tokio::time::advance(std::time::Duration::from_secs(61)).await;
    tokio::time::resume();
    let first = client.token().await.unwrap();
    let answer = client.get("/orders").send().await.unwrap();
    assert_eq!((calls.load(Ordering::SeqCst), answer.status()), (3, StatusCode::OK));
    assert_ne!(first.access_token().expose(), client.token().await.unwrap().access_token().expose());
}
