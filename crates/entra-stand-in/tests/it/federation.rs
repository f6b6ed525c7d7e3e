//! Clients that prove themselves with a token of another identity provider.
//!
//! The texts are those of captures: 70021 of 2023-03, 700212 of 2024-04, 7002138 of 2025-02, 700213 of 2026-01.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use entra_shared::http_client::HttpClientSettings;
use entra_stand_in::Authority;
use http::StatusCode;
use http_shell::server::Server;
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::directories::directory;
use crate::envelope::{Refused, opened};
use crate::signer::signer;
use crate::world::{Answer, CLIENT, RESOURCE, SECRET, TENANT, World, part, v2};

pub(crate) const SUBJECT: &str = "system:serviceaccount:demo:Client";
pub(crate) const AUDIENCE: &str = "api://AzureADTokenExchange";
const DOCUMENT: &str = "/.well-known/openid-configuration";

/// An identity provider on this machine.
pub(crate) struct Issuer {
    pub(crate) url: String,
    served: Arc<Served>,
    _shutdown: DropGuard,
}

/// What it answers, and how often it was asked for its keys.
#[derive(Default)]
struct Served {
    document: Mutex<Value>,
    keys: Mutex<(u16, String)>,
    asked: AtomicUsize,
}

impl Issuer {
    pub(crate) async fn start() -> Self {
        let served = Arc::new(Served::default());
        let listener = Server::bind_address(([127, 0, 0, 1], 0).into(), None).await.unwrap();
        let url = format!("http://{}", listener.address());
        let service = Router::new()
            .route(
                DOCUMENT,
                get(|State(served): State<Arc<Served>>| async move {
                    axum::Json(served.document.lock().unwrap().clone())
                }),
            )
            .route("/keys", get(keys))
            .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/keys")]) }))
            .with_state(Arc::clone(&served));
        let shutdown = CancellationToken::new();
        tokio::spawn(listener.serve(service, shutdown.clone()));
        let issuer = Self { url, served, _shutdown: shutdown.drop_guard() };
        issuer.describe(&issuer.url, &format!("{}/keys", issuer.url));
        issuer.publish(&[signer(0).jwk("first")]);
        issuer
    }

    fn describe(&self, issuer: &str, jwks_uri: &str) {
        *self.served.document.lock().unwrap() = json!({ "issuer": issuer, "jwks_uri": jwks_uri });
    }

    fn publish(&self, keys: &[Value]) {
        self.answer(200, &json!({ "keys": keys }).to_string());
    }

    fn answer(&self, status: u16, body: &str) {
        *self.served.keys.lock().unwrap() = (status, body.to_owned());
    }

    fn asked(&self) -> usize {
        self.served.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn claims(&self) -> Value {
        let now = jiff::Timestamp::now().as_second();
        json!({ "iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 3600 })
    }
}

async fn keys(State(served): State<Arc<Served>>) -> Response {
    served.asked.fetch_add(1, Ordering::SeqCst);
    let (status, body) = served.keys.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

fn credential(issuer: &str) -> Value {
    json!({ "name": "kubernetes", "issuer": issuer, "subject": SUBJECT, "audiences": [AUDIENCE] })
}

fn edited(credentials: &Value) -> Result<entra_stand_in::Directory, entra_stand_in::DirectoryError> {
    let with = format!("\"keyCredentials\": [], \"federatedIdentityCredentials\": {credentials}");
    directory(&[("applications/DemoClientApp.json", "\"keyCredentials\": []", &with)])
}

/// A stand-in whose `DemoClientApp` trusts the issuer.
async fn world(issuer: &Issuer) -> World {
    World::start_with(Authority::builder().directory(edited(&json!([credential(&issuer.url)])).unwrap()))
        .await
}

async fn ask(world: &World, assertion: &str) -> Answer {
    let scope = format!("api://{RESOURCE}/.default");
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
        ("scope", &scope),
    ];
    world.post(&v2(TENANT), &fields).await
}

fn refusal(answer: &Answer) -> (u16, String, String) {
    let Refused { status, error, code, text, .. } = opened(answer);
    (status, error, format!("AADSTS{code}: {text}"))
}

fn signed(claims: &Value) -> String {
    signer(0).sign(&json!({ "alg": "RS256", "kid": "first" }), claims)
}

fn changed(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_token_of_the_issuer_is_as_good_as_a_certificate_and_its_keys_are_asked_for_once() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    for _ in 0..3 {
        let answer = ask(&world, &signed(&issuer.claims())).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(part(answer.json().text("access_token"), 1).text("azpacr"), "2");
    }
    assert_eq!(issuer.asked(), 1);
}

#[tokio::test]
async fn each_part_that_differs_has_an_error_of_its_own() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let check = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";
    let no_match = "No matching federated identity record found for presented assertion";
    let lower = SUBJECT.to_lowercase();
    for (name, value, expected) in [
        (
            "iss",
            json!("https://other.example"),
            format!("AADSTS700211: {no_match} issuer 'https://other.example'. {check}"),
        ),
        (
            "iss",
            json!(format!("{}/", issuer.url)),
            format!("AADSTS700211: {no_match} issuer '{}/'. {check}", issuer.url),
        ),
        ("aud", json!("api://other"), format!("AADSTS700212: {no_match} audience 'api://other'. {check}")),
        ("sub", json!("another"), format!("AADSTS700213: {no_match} subject 'another'. {check}")),
        ("sub", json!("*"), format!("AADSTS700213: {no_match} subject '*'. {check}")),
        (
            "sub",
            json!(lower),
            format!(
                "AADSTS7002138: {no_match} subject '{lower}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. {check}"
            ),
        ),
    ] {
        let answer = ask(&world, &signed(&changed(&issuer.claims(), name, value))).await;
        assert_eq!(refusal(&answer), (401, "invalid_client".to_owned(), expected));
    }
    assert_eq!(issuer.asked(), 0, "no keys are fetched before the claims match");
}

#[tokio::test]
async fn an_app_without_federated_credentials_is_told_what_it_sent() {
    let issuer = Issuer::start().await;
    let world = World::new().await;
    let answer = ask(&world, &signed(&issuer.claims())).await;
    let expected = format!(
        "AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: '{}'. Assertion Subject: '{SUBJECT}'. Assertion Audience: '{AUDIENCE}'. https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation",
        issuer.url
    );
    assert_eq!(refusal(&answer), (401, "invalid_request".to_owned(), expected));
}

#[tokio::test]
async fn a_token_of_the_stand_in_itself_is_refused() {
    let world = World::new().await;
    for resource in [RESOURCE, crate::world::OTHER] {
        let token = world.token(CLIENT, SECRET, &format!("api://{resource}")).await;
        let expected = "AADSTS700222: AAD-issued tokens may not be used for federated identity flows.";
        assert_eq!(refusal(&ask(&world, &token).await), (401, "invalid_client".into(), expected.into()));
    }
}

#[tokio::test]
async fn a_token_of_the_stand_in_under_another_of_its_names_and_one_of_entra_are_refused() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let port = world.authority.address().port();
    let scope = format!("api://{RESOURCE}/.default");
    let url = format!("https://127.0.0.1:{port}/{}", v2(TENANT));
    let answer = crate::world::send(world.http.post(url).form(&crate::world::form(CLIENT, SECRET, &scope)));
    let elsewhere = answer.await.json().text("access_token").to_owned();
    assert!(part(&elsewhere, 1).text("iss").starts_with("https://127.0.0.1:"));
    let claims = |iss: &str| signed(&changed(&issuer.claims(), "iss", json!(iss)));
    for token in [
        elsewhere,
        claims(&format!("https://localhost:1/{TENANT}/v2.0")),
        claims(&format!("https://login.microsoftonline.com/{TENANT}/v2.0")),
        claims(&format!("https://sts.windows.net/{TENANT}/")),
    ] {
        assert!(refusal(&ask(&world, &token).await).2.starts_with("AADSTS700222: "), "{token}");
    }
    // Another program of this machine, and an issuer of Microsoft's that is not Entra.
    for issuer in ["https://localhost:1/other", "https://eastus.oic.prod-aks.azure.com/cluster/"] {
        assert!(refusal(&ask(&world, &claims(issuer)).await).2.starts_with("AADSTS700211: "), "{issuer}");
    }
}

#[tokio::test]
async fn an_issuers_keys_grow_old_by_the_tenants_clock() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let tenant = world.authority.first_tenant();
    let now = jiff::Timestamp::now().as_second();
    let claims = changed(&issuer.claims(), "exp", json!(now + 86_400));
    for (ahead, asked) in [(0, 1), (1800, 1), (1900, 2)] {
        tenant.clock().advance(Duration::from_secs(ahead));
        assert_eq!(ask(&world, &signed(&claims)).await.status, 200);
        assert_eq!(issuer.asked(), asked, "{ahead}");
    }
}

#[tokio::test]
async fn signature_algorithm_and_time_are_checked() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let claims = issuer.claims();
    let header = json!({ "alg": "RS256", "kid": "first" });
    let past = changed(&claims, "exp", json!(1754479503));
    for (assertion, expected) in [
        (
            signer(1).sign(&header, &claims),
            "AADSTS700027: Client assertion contains an invalid signature. [Reason - The provided signature",
        ),
        (
            signer(0).sign(&json!({ "alg": "RS256" }), &claims),
            "AADSTS700027: Client assertion contains an invalid signature. [Reason - The key was not found.]",
        ),
        (signer(0).sign(&json!({ "alg": "PS256", "kid": "first" }), &claims), "AADSTS5002738: "),
        (signer(0).sign(&json!({ "alg": "HS256", "kid": "first" }), &claims), "AADSTS5002738: "),
        (signer(0).sign(&json!({ "alg": "none", "kid": "first" }), &claims), "AADSTS5002738: "),
        (signed(&past), "AADSTS700024: "),
        (signed(&changed(&claims, "scp", json!("openid"))), "AADSTS700229: "),
        (signed(&changed(&claims, "scp", json!(["openid"]))), "AADSTS700229: "),
        (signed(&changed(&claims, "idtyp", json!("user"))), "AADSTS700229: "),
        (signed(&changed(&claims, "exp", Value::Null)), "AADSTS90014: The required field 'exp'"),
        (signed(&changed(&claims, "sub", Value::Null)), "AADSTS90014: The required field 'sub'"),
        (signed(&changed(&claims, "aud", Value::Null)), "AADSTS90014: The required field 'aud'"),
    ] {
        let text = refusal(&ask(&world, &assertion).await).2;
        assert!(text.starts_with(expected), "{text}");
    }
}

#[tokio::test]
async fn a_header_that_only_another_kind_of_token_has_is_refused() {
    let issuer = Issuer::start().await;
    let directory = edited(&json!([credential(&issuer.url)])).unwrap();
    let lenient = World::start_with(Authority::builder().directory(directory.clone())).await;
    let strict = World::start_with(Authority::builder().directory(directory).strict(true)).await;
    for (name, value, in_lenient, in_strict) in [
        ("crit", json!(["exp"]), 400, 400),
        ("b64", json!(false), 400, 400),
        ("zip", json!("DEF"), 200, 401),
        ("enc", json!("A256GCM"), 200, 401),
    ] {
        let header = changed(&json!({ "alg": "RS256", "kid": "first" }), name, value);
        let token = signer(0).sign(&header, &issuer.claims());
        assert_eq!(ask(&lenient, &token).await.status, in_lenient, "{name}");
        assert_eq!(ask(&strict, &token).await.status, in_strict, "{name}");
    }
}

#[tokio::test]
async fn rolled_keys_are_found_and_unknown_ones_cost_one_fetch() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    assert_eq!(ask(&world, &signed(&issuer.claims())).await.status, 200);
    issuer.publish(&[signer(0).jwk("first"), signer(1).jwk("second")]);
    let rolled = signer(1).sign(&json!({ "alg": "RS256", "kid": "second" }), &issuer.claims());
    assert_eq!(ask(&world, &rolled).await.status, 200);
    assert_eq!(issuer.asked(), 2);
    for number in 0..5 {
        let header = json!({ "alg": "RS256", "kid": format!("unknown {number}") });
        let text = refusal(&ask(&world, &signer(1).sign(&header, &issuer.claims())).await).2;
        assert!(text.contains("The key was not found."), "{text}");
    }
    assert_eq!(issuer.asked(), 2);
}

#[tokio::test]
async fn an_issuer_whose_keys_cannot_be_had_is_unreachable() {
    let good = Issuer::start().await;
    let expected = (
        400,
        "invalid_request".to_owned(),
        "AADSTS50166: Request to External OIDC endpoint failed.".to_owned(),
    );
    let huge = "x".repeat(600 * 1024);
    for (status, body) in [(500, ""), (404, "{}"), (200, "[]"), (200, "{}"), (200, huge.as_str())] {
        good.answer(status, body);
        let world = world(&good).await;
        assert_eq!(refusal(&ask(&world, &signed(&good.claims())).await), expected, "{status}");
    }
    good.publish(&[signer(0).jwk("first")]);
    let other = format!("{}/keys", good.url.replace("127.0.0.1", "example.com"));
    for (issuer, keys) in [
        ("https://other.example", format!("{}/keys", good.url)),
        (good.url.as_str(), format!("{}/moved", good.url)),
        (good.url.as_str(), other),
        (good.url.as_str(), "file:///etc/passwd".to_owned()),
        (good.url.as_str(), "not a url".to_owned()),
    ] {
        good.describe(issuer, &keys);
        let world = world(&good).await;
        assert_eq!(refusal(&ask(&world, &signed(&good.claims())).await), expected, "{issuer} {keys}");
    }
    // It comes back, and soon is found to be back.
    let world = world(&good).await;
    assert_eq!(refusal(&ask(&world, &signed(&good.claims())).await), expected);
    good.describe(&good.url, &format!("{}/keys", good.url));
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(ask(&world, &signed(&good.claims())).await.status, 200);
}

/// An issuer that takes connections and never answers.
struct Silent {
    url: String,
    connections: watch::Receiver<usize>,
    hang_up: Arc<Notify>,
}

impl Silent {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (count, connections) = watch::channel(0);
        let hang_up = Arc::new(Notify::new());
        let hanging_up = Arc::clone(&hang_up);
        tokio::spawn(async move {
            let mut open = Vec::new();
            loop {
                tokio::select! {
                    connection = listener.accept() => {
                        open.push(connection.unwrap());
                        count.send_modify(|count| *count += 1);
                    }
                    () = hanging_up.notified() => open.clear(),
                }
            }
        });
        Self { url, connections, hang_up }
    }

    /// A stand-in whose `DemoClientApp` trusts it, and that waits so many seconds for it.
    async fn world(&self, seconds: u64) -> World {
        let seconds = NonZeroU64::new(seconds).unwrap();
        let http =
            HttpClientSettings { connect_timeout_seconds: seconds, timeout_seconds: seconds, ca_file: None };
        let directory = edited(&json!([credential(&self.url)])).unwrap();
        World::start_with(Authority::builder().directory(directory).http_client(http)).await
    }

    fn assertion(&self) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims =
            json!({ "iss": self.url, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 3600 });
        signed(&claims)
    }
}

#[tokio::test]
async fn an_issuer_that_never_responds_costs_one_fetch_and_delays_no_other_issuer() {
    let mut silent = Silent::start().await;
    let world = silent.world(20).await;
    // How long ago a fetch failed goes by this clock as well.
    world.authority.first_tenant().clock().freeze();
    let assertion = silent.assertion();
    let refused = AtomicUsize::new(0);
    let asked = async || {
        let answer = ask(&world, &assertion).await;
        assert!(refusal(&answer).2.starts_with("AADSTS50166: "), "{answer:?}");
        refused.fetch_add(1, Ordering::SeqCst);
    };
    // Who proves itself in another way while the issuer is asked gets its token before the others their refusals.
    let with_secret = async {
        silent.connections.wait_for(|&connections| connections > 0).await.unwrap();
        world.token(CLIENT, SECRET, &format!("api://{RESOURCE}")).await;
        let refused = refused.load(Ordering::SeqCst);
        silent.hang_up.notify_one();
        refused
    };
    let (.., refused_before) = tokio::join!(asked(), asked(), asked(), asked(), with_secret);
    assert_eq!((refused_before, refused.load(Ordering::SeqCst)), (0, 4));
    assert_eq!(*silent.connections.borrow(), 1);
}

#[tokio::test]
async fn an_issuer_that_never_answers_is_given_up() {
    let silent = Silent::start().await;
    let world = silent.world(1).await;
    let assertion = silent.assertion();
    let answer = tokio::time::timeout(Duration::from_secs(30), ask(&world, &assertion)).await.unwrap();
    assert!(refusal(&answer).2.starts_with("AADSTS50166: "), "{answer:?}");
    assert_eq!(*silent.connections.borrow(), 1);
}

#[tokio::test]
async fn a_registered_subject_stands_for_itself_alone() {
    let issuer = Issuer::start().await;
    let wildcards = ["*", "system:serviceaccount:demo:*", "system:serviceaccount:demo:.*"];
    let credentials = wildcards.map(
        |subject| json!({ "name": "any", "issuer": issuer.url, "subject": subject, "audiences": [AUDIENCE] }),
    );
    let directory = edited(&json!(credentials)).unwrap();
    let world = World::start_with(Authority::builder().directory(directory)).await;
    for (subject, status) in [(SUBJECT, 401), ("", 401), ("system:serviceaccount:demo:", 401), ("*", 200)] {
        let answer = ask(&world, &signed(&changed(&issuer.claims(), "sub", json!(subject)))).await;
        assert_eq!(answer.status, status, "{subject}: {answer:?}");
        assert!(status == 200 || refusal(&answer).2.starts_with("AADSTS700213: "), "{answer:?}");
    }
}

#[tokio::test]
async fn no_more_than_a_hundred_keys_are_kept() {
    let issuer = Issuer::start().await;
    let world = world(&issuer).await;
    let keys: Vec<Value> = (0..100).map(|number| signer(1).jwk(&number.to_string())).collect();
    issuer.publish(&[keys, vec![signer(0).jwk("first")]].concat());
    let text = refusal(&ask(&world, &signed(&issuer.claims())).await).2;
    assert!(text.contains("The key was not found."), "{text}");
}

#[test]
fn a_federated_credential_is_checked_when_it_is_read() {
    let twice = json!([credential("https://a.example"), credential("https://a.example")]);
    for (credentials, problem) in [
        (json!([credential("http://a.example")]), "`issuer`"),
        (
            json!([{ "name": "abc", "issuer": "https://a.example", "subject": "", "audiences": ["a"] }]),
            "`subject`",
        ),
        (
            json!([{ "name": "abc", "issuer": "https://a.example", "subject": "a", "audiences": [] }]),
            "`audiences`",
        ),
        (twice, "same issuer and subject"),
    ] {
        let error = edited(&credentials).unwrap_err().to_string();
        assert!(error.contains("federatedIdentityCredentials") && error.contains(problem), "{error}");
    }
}
