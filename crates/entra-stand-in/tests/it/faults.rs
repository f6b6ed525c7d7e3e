//! Fault scripts, as a client sees what they do.

use std::time::{Duration, Instant};

use entra_stand_in::{Client, Endpoint, Fault, TokenError};

use crate::tenants::fresh;
use crate::world::{World, send};

/// The status that a client's token request ends with.
async fn status(client: &Client, api: &entra_stand_in::Application) -> u16 {
    match client.token(api).await {
        Ok(_) => 200,
        Err(TokenError::Refused { status, .. }) => status,
        Err(_) => 0,
    }
}

#[tokio::test]
async fn a_script_happens_fault_by_fault_and_to_its_tenant_alone() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let (_, other_api, other_client) = fresh(&world).await;
    let script = [Fault::status(500), Fault::too_many_requests(60), Fault::none(), Fault::status(503)];
    tenant.faults().on(Endpoint::Token, script);
    assert_eq!(status(&other_client, &other_api).await, 200);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(status(&client, &api).await);
    }
    assert_eq!(seen, [500, 429, 200, 503, 200]);
    assert_eq!(tenant.faults().remaining(Endpoint::Token), 0);
}

#[tokio::test]
async fn throttling_comes_with_retry_after_and_entras_envelope_or_plain_text() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    let path = format!("{}/oauth2/v2.0/token", tenant.id());
    let script = [Fault::too_many_requests(60), Fault::too_many_requests_in_plain_text(7)];
    tenant.faults().on(Endpoint::Token, script);
    let json = world.post(&path, &[]).await;
    assert_eq!((json.status.as_u16(), json.header("retry-after")), (429, "60"));
    assert_eq!(json.json().names()[..3], ["error", "error_description", "error_codes"]);
    let plain = world.post(&path, &[]).await;
    assert_eq!((plain.status.as_u16(), plain.header("retry-after")), (429, "7"));
    assert_eq!(
        (plain.header("content-type"), plain.body.as_str()),
        ("text/plain; charset=utf-8", "Too Many Requests")
    );
}

#[tokio::test]
async fn answers_break_off_or_never_come() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    let url = format!("{}/{}/discovery/v2.0/keys", world.base, tenant.id());
    let script =
        [Fault::truncated(), Fault::reset(), Fault::hang(), Fault::latency(Duration::from_millis(200))];
    tenant.faults().on(Endpoint::Keys, script);
    let truncated = world.http.get(&url).send().await.unwrap();
    assert_eq!(truncated.status(), 200);
    assert!(truncated.content_length().is_some_and(|length| length > 1000));
    assert!(truncated.bytes().await.is_err());
    assert!(world.http.get(&url).send().await.is_err());
    let hanging = world.http.get(&url).timeout(Duration::from_millis(200)).send().await;
    assert!(hanging.unwrap_err().is_timeout());
    let start = Instant::now();
    assert_eq!(send(world.http.get(&url)).await.status, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
    tenant.journal().expect_key_set_fetches(4);
}

#[tokio::test]
async fn documents_say_something_else_than_they_should() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    let document = format!("{}/v2.0/.well-known/openid-configuration", tenant.id());
    let keys = format!("{}/discovery/v2.0/keys", tenant.id());
    let regular = world.get(&document).await;
    let script = [Fault::wrong_issuer(), Fault::content_type("text/html"), Fault::empty_key_set()];
    tenant.faults().on(Endpoint::DiscoveryV2, script);
    let wrong = world.get(&document).await.json();
    let issuer = wrong.text("issuer");
    assert!(issuer.starts_with(&world.base) && !issuer.contains(&tenant.id().to_string()), "{issuer}");
    assert_eq!(wrong.names(), regular.json().names());
    let html = world.get(&document).await;
    assert_eq!((html.header("content-type"), html.body.as_str()), ("text/html", regular.body.as_str()));
    // What does not fit is left as it is.
    assert_eq!(world.get(&document).await.body, regular.body);
    let key_set = world.get(&keys).await.body;
    assert!(key_set.contains(r#""issuer":""#), "{key_set}");
    tenant.faults().on(Endpoint::Keys, [Fault::wrong_issuer()]);
    assert_eq!(world.get(&keys).await.body, key_set);
    tenant.faults().on(Endpoint::Keys, [Fault::empty_key_set(), Fault::broken_key_set()]);
    assert_eq!(world.get(&keys).await.body, r#"{"keys":[]}"#);
    assert!(world.get(&keys).await.body.contains(r#""n":"%""#));
    tenant.faults().on(Endpoint::Keys, [Fault::status(500)]);
    tenant.faults().clear();
    assert_eq!(world.get(&keys).await.status, 200);
}

#[tokio::test]
async fn any_answer_can_stand_in_place_of_the_regular_one() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    let document = format!("{}/v2.0/.well-known/openid-configuration", tenant.id());
    let script = [
        Fault::answer(307, "").header("Location", "https://elsewhere.example/"),
        Fault::answer(200, "<html>Sign in</html>").header("content-type", "text/html"),
        Fault::answer(204, ""),
        Fault::answer(200, r#"{"keys":[{"kty":"oct"}]}"#).header("content-type", "application/json"),
    ];
    tenant.faults().on(Endpoint::DiscoveryV2, script.clone());
    let no_redirects = reqwest::redirect::Policy::none();
    let ca = reqwest::Certificate::from_pem(world.authority.ca_certificate_pem().as_bytes()).unwrap();
    let http = reqwest::Client::builder().tls_certs_only([ca]).no_proxy().redirect(no_redirects).build();
    let (http, url) = (http.unwrap(), format!("{}/{document}", world.base));
    let moved = send(http.get(&url)).await;
    assert_eq!((moved.status.as_u16(), moved.header("location")), (307, "https://elsewhere.example/"));
    let page = send(http.get(&url)).await;
    assert_eq!((page.header("content-type"), page.body.as_str()), ("text/html", "<html>Sign in</html>"));
    let nothing = send(http.get(&url)).await;
    assert_eq!((nothing.status.as_u16(), nothing.body.as_str()), (204, ""));
    assert_eq!(send(http.get(&url)).await.body, r#"{"keys":[{"kty":"oct"}]}"#);
    tenant.faults().on(Endpoint::Token, [Fault::answer(200, "{}")]);
    assert!(matches!(client.token(&api).await, Err(TokenError::Malformed)));
    let entries = tenant.journal().entries();
    assert_eq!(entries.last().unwrap().client_id, Some(client.client_id()), "{entries}");
    assert!(entries.last().unwrap().reason.contains("answer 200"), "{entries}");
}

#[tokio::test]
async fn a_throttled_endpoint_refuses_what_comes_beyond_its_limit_until_the_window_has_passed() {
    let world = World::new().await;
    let (tenant, api, client) = fresh(&world).await;
    tenant.clock().freeze();
    tenant.faults().on(Endpoint::Token, [Fault::throttle(2, Duration::from_mins(1))]);
    let mut seen = Vec::new();
    for ahead in [0, 0, 0, 59, 1] {
        tenant.clock().advance(Duration::from_secs(ahead));
        seen.push(status(&client, &api).await);
    }
    assert_eq!(seen, [200, 200, 429, 429, 200]);
    let id = client.client_id().to_string();
    let fields = [("client_id", id.as_str())];
    let path = format!("{}/oauth2/v2.0/token", tenant.id());
    world.post(&path, &fields).await;
    let refused = world.post(&path, &fields).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "60"));
    assert!(refused.body.contains("AADSTS90055"), "{refused:?}");
    tenant.faults().clear();
    assert_eq!(status(&client, &api).await, 200);
}

#[tokio::test]
async fn instance_discovery_and_the_v1_document_have_scripts_as_well() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    tenant.faults().on(Endpoint::Instance, [Fault::status(503)]);
    tenant.faults().on(Endpoint::DiscoveryV1, [Fault::status(502)]);
    let asked = format!("{}/{}/oauth2/authorize", world.base, tenant.id());
    let url = format!("{}/common/discovery/instance", world.base);
    let ask = async || send(world.http.get(&url).query(&[("authorization_endpoint", &asked)])).await.status;
    assert_eq!((ask().await.as_u16(), ask().await.as_u16()), (503, 200));
    let document = format!("{}/.well-known/openid-configuration", tenant.id());
    assert_eq!(world.get(&document).await.status, 502);
    assert_eq!(world.get(&document).await.status, 200);
}

#[tokio::test]
async fn a_tenant_is_the_same_however_its_segment_is_encoded() {
    let world = World::new().await;
    let (tenant, ..) = fresh(&world).await;
    tenant.faults().on(Endpoint::Keys, [Fault::status(503)]);
    let id = tenant.id().to_string();
    let encoded = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    let answer = world.get(&format!("{encoded}/discovery/keys")).await;
    assert_eq!(answer.status, 503);
    assert_eq!(world.get(&format!("{encoded}/discovery/keys")).await.status, 200);
    tenant.journal().expect_key_set_fetches(2);
}
