//! Concurrent calls: how many tokens they request, and for which client.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use client_app::resource_client::{Paging, ResourceClient};
use entra_token::BaseUrl;
use entra_token::{TokenRequest, TokenSource};
use serde_json::json;
use tokio::task::JoinSet;

use crate::peer::{Asked, Peers, Scripted};

const CALLS: usize = 1000;

fn page() -> Scripted {
    Scripted::json(200, r#"{"items":[],"next":null}"#)
}

fn token(text: &str) -> Scripted {
    Scripted::json(200, json!({"token_type": "Bearer", "expires_in": 3599, "access_token": text}).to_string())
}

fn bearer(asked: &Asked) -> &str {
    asked.headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap()
}

#[tokio::test]
async fn a_thousand_calls_that_are_refused_at_once_cost_one_token_request() {
    let peers = Peers::start().await;
    peers.authority.answers(token("canary.old"));
    let refused = Scripted::new(401, "").header("www-authenticate", r#"Bearer error="invalid_token""#);
    peers.resource.otherwise_answers(move |asked| match bearer(asked) {
        // Delayed, so that all calls are already in flight with the old token.
        "canary.old" => refused.clone().after(Duration::from_millis(500)),
        _ => page(),
    });
    let settings = peers.settings_with(&[("HTTP_CLIENT__TIMEOUT_SECONDS", "60")]);
    let client = settings.resource_client().unwrap().within(Duration::from_mins(1));
    client.token().await.unwrap();
    let mut running = JoinSet::new();
    for _ in 0..CALLS {
        let client = client.clone();
        running.spawn(async move { client.list(&Paging::default()).await.map(|_| ()) });
    }
    for outcome in running.join_all().await {
        outcome.unwrap();
    }
    let with_old = peers.resource.asked().iter().filter(|asked| bearer(asked) == "canary.old").count();
    assert_eq!((with_old, peers.resource.asked().len()), (CALLS, 2 * CALLS));
    assert_eq!(peers.authority.asked().len(), 2);
}

const TENANTS: [&str; 2] = ["8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20", "11111111-4f7a-4c39-9a51-3e0c7b9d4f20"];
const CLIENTS: [&str; 2] = ["3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813", "22222222-1b40-4e62-b8d5-9f27a6c0e813"];
const RESOURCES: [&str; 2] = ["api://a", "api://b"];

/// The token for the client and resource named in the request.
fn token_of(asked: &Asked) -> Scripted {
    let tenant = TENANTS.iter().position(|tenant| asked.target.contains(tenant)).unwrap();
    let client =
        CLIENTS.iter().position(|client| asked.body.contains(&format!("client_id={client}"))).unwrap();
    let resource = asked.body.contains("scope=api%3A%2F%2Fb%2F.default");
    token(&format!("canary.{tenant}{client}{}", usize::from(resource)))
}

/// Eight clients that share their caches; each calls its own path at the resource.
fn clients(peers: &Peers) -> Vec<ResourceClient> {
    let settings = peers.settings();
    let http = settings.http_client().unwrap();
    let first = settings.token_retriever(http.clone()).unwrap();
    let TokenSource::TokenEndpoint(request) = first.source().clone() else { panic!("{first:?}") };
    let mut clients = Vec::new();
    for (t, tenant) in TENANTS.iter().enumerate() {
        for (c, client) in CLIENTS.iter().enumerate() {
            for (r, resource) in RESOURCES.iter().enumerate() {
                let instance = request.authority.instance().clone();
                let authority = entra_token::Authority::new(instance, tenant.parse().unwrap(), None);
                let source = TokenRequest {
                    authority,
                    client_id: client.parse().unwrap(),
                    resource: resource.parse().unwrap(),
                    ..request.clone()
                };
                let base_url = BaseUrl::parse(&format!("{}/{t}{c}{r}", peers.resource.url)).unwrap();
                clients.push(ResourceClient::new(base_url, first.for_source(source), http.clone()));
            }
        }
    }
    clients
}

#[tokio::test]
async fn the_tokens_of_two_tenants_two_clients_and_two_resources_are_never_mixed_up() {
    let peers = Peers::start().await;
    peers.authority.otherwise_answers(token_of);
    let calls = Arc::new(AtomicUsize::new(0));
    peers.resource.otherwise_answers(move |asked| {
        let whose = asked.target.split('/').nth(1).unwrap();
        let is_right = bearer(asked) == format!("canary.{whose}");
        // A valid token is refused occasionally, which causes further token requests.
        let again = calls.fetch_add(1, Ordering::Relaxed) % 50 == 7;
        match (is_right, again) {
            (false, _) => Scripted::new(403, ""),
            (true, true) => Scripted::new(401, "").header("www-authenticate", "Bearer error=invalid_token"),
            (true, false) => page(),
        }
    });
    let clients = clients(&peers);
    let mut running = JoinSet::new();
    for round in 0..50 {
        for i in 0..clients.len() {
            let client = clients[(i + round) % clients.len()].clone();
            running.spawn(async move {
                client.list(&Paging::default()).await.map(|_| ()).map_err(|e| e.to_string())
            });
        }
    }
    for outcome in running.join_all().await {
        // A token that is refused twice within 30 s stays cached; another tenant's token would cause a 403.
        assert!(
            outcome.as_ref().is_ok()
                || outcome.as_ref().unwrap_err().starts_with("the resource answered 401"),
            "{outcome:?}"
        );
    }
    let asked = peers.resource.asked();
    assert!(
        asked.len() >= 400
            && asked.iter().all(|asked| asked.target.contains(bearer(asked).trim_start_matches("canary.")))
    );
}
