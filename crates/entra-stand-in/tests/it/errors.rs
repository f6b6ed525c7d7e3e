//! Refusals of the token endpoint: status, `error`, number, text and envelope.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::envelope::{Refused, opened};
use crate::world::{Answer, CLIENT, RESOURCE, SECRET, TENANT, World, form, send, v1, v2};

const UNKNOWN_TENANT: &str = "00000000-0000-0000-0000-000000000001";
const NO_SUCH_APP: &str = "11111111-2222-4333-8444-555555555555";

/// What a refusal has to look like.
#[derive(Deserialize)]
struct Expected {
    status: u16,
    error: String,
    code: u32,
    text: String,
    error_uri: bool,
}

/// A request to the v2 endpoint that is refused.
#[derive(Deserialize)]
struct Case {
    #[serde(rename = "case")]
    name: String,
    /// When it was captured, or what of it is documented or assumed.
    source: String,
    change: BTreeMap<String, String>,
    #[serde(flatten)]
    expected: Expected,
}

/// An `invalid_request` with a link, as most that concern the form of a request are.
fn invalid_request(code: u32, text: impl Into<String>) -> Expected {
    Expected { status: 400, error: "invalid_request".into(), code, text: text.into(), error_uri: true }
}

fn malformed() -> Expected {
    invalid_request(9002313, "Invalid request. Request is malformed or invalid.")
}

/// Checks the whole answer, member by member.
fn check(name: &str, answer: &Answer, expected: &Expected) {
    let Expected { status, error, code, text, error_uri } = expected;
    let expected = Refused {
        status: *status,
        error: error.clone(),
        code: *code,
        error_uri: *error_uri,
        text: text.clone(),
    };
    assert_eq!(opened(answer), expected, "{name}");
}

#[tokio::test]
async fn every_refusal_is_entras() {
    #[derive(Deserialize)]
    struct Golden {
        refusals: Vec<Case>,
    }
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let golden: Golden = toml::from_str(include_str!("golden/refusals.toml")).unwrap();
    assert!(golden.refusals.len() > 15);
    for Case { name, source, change, expected } in golden.refusals {
        assert!(["captured", "documented"].iter().any(|word| source.starts_with(word)), "{name}");
        let mut fields: BTreeMap<&str, &str> = form(CLIENT, SECRET, &scope).into_iter().collect();
        fields.extend(change.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        fields.retain(|_, value| !value.is_empty());
        let fields: Vec<(&str, &str)> = fields.into_iter().collect();
        check(&name, &world.post(&v2(TENANT), &fields).await, &expected);
    }
}

#[tokio::test]
async fn empty_repeated_and_missing_parameters_are_told_apart() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    // An empty secret was presented, and is wrong.
    let answer = world.post(&v2(TENANT), &form(CLIENT, "", &scope)).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("error_codes")), (401, &json!([7000215])));
    for (name, value) in [("client_id", CLIENT), ("grant_type", "client_credentials"), ("scope", &scope)] {
        let twice = [&form(CLIENT, SECRET, &scope)[..], &[(name, value)]].concat();
        check(name, &world.post(&v2(TENANT), &twice).await, &malformed());
    }
    let assertion = ("client_assertion", "a.b.c");
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let two = [&form(CLIENT, "", &scope)[..], &[kind, assertion, assertion]].concat();
    check("two assertions", &world.post(&v2(TENANT), &two).await, &malformed());
    let text = "The required field 'resource' is missing from the credential. Ensure that you have all the necessary parameters for the login request.";
    let answer = world.post(&v1(TENANT), &form(CLIENT, SECRET, &scope)).await;
    check("v1 without resource", &answer, &invalid_request(90014, text));
}

#[tokio::test]
async fn a_token_of_another_kind_is_refused_by_the_name_of_the_parameter() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    for (name, value, named) in [
        ("token_type", "pop", "token_type=pop"),
        ("token_type", "mtls_pop", "token_type=mtls_pop"),
        ("token_type", "ssh-cert", "token_type=ssh-cert"),
        ("fmi_path", "SomeFmiPath/agent", "fmi_path"),
        ("req_cnf", "eyJraWQiOiJ4In0", "req_cnf"),
        ("request", "a.b.c", "request"),
        ("request_uri", "https://client.example/request", "request_uri"),
    ] {
        let fields = [&form(CLIENT, SECRET, &scope)[..], &[(name, value)]].concat();
        let expected = invalid_request(
            9002313,
            format!(
                "Invalid request. Request is malformed or invalid. [The stand-in does not support '{named}']"
            ),
        );
        check(named, &world.post(&v2(TENANT), &fields).await, &expected);
        let fields = [&form(CLIENT, SECRET, &scope)[..], &[("resource", RESOURCE), (name, value)]].concat();
        check(named, &world.post(&v1(TENANT), &fields).await, &expected);
    }
    for bearer in ["Bearer", "bearer", ""] {
        let fields = [&form(CLIENT, SECRET, &scope)[..], &[("token_type", bearer)]].concat();
        assert_eq!(world.post(&v2(TENANT), &fields).await.status, 200, "{bearer}");
    }
}

#[tokio::test]
async fn the_tenant_is_looked_at_before_the_request() {
    let world = World::new().await;
    let grant = [("grant_type", "client_credentials")];
    let not_found = |tenant| {
        format!(
            "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."
        )
    };
    let over_common = "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.";
    for (tenant, expected) in [
        (UNKNOWN_TENANT, invalid_request(90002, not_found(UNKNOWN_TENANT))),
        ("fabrikam.com", invalid_request(90002, not_found("fabrikam.com"))),
        (
            "undefined",
            invalid_request(
                900023,
                "Specified tenant identifier 'undefined' is neither a valid DNS name, nor a valid external domain.",
            ),
        ),
        ("common", invalid_request(9001023, over_common)),
        ("consumers", invalid_request(9001023, over_common)),
        (
            "organizations",
            invalid_request(
                50059,
                "No tenant-identifying information found in either the request or implied by any provided credentials.",
            ),
        ),
    ] {
        check(tenant, &world.post(&v2(tenant), &grant).await, &expected);
        check(tenant, &world.post(&v1(tenant), &grant).await, &expected);
    }
}

#[tokio::test]
async fn only_a_posted_form_is_a_request() {
    let world = World::new().await;
    let url = format!("{}/{}", world.base, v2(TENANT));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let text = format!("The endpoint only accepts POST, OPTIONS requests. Received a {method} request.");
        let answer = send(world.http.request(method.clone(), &url)).await;
        check(method.as_str(), &answer, &invalid_request(900561, text));
    }
    let answer = send(world.http.request(Method::OPTIONS, &url)).await;
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (200, "POST, OPTIONS"));

    let no_parameter = "The request body must contain the following parameter: 'grant_type'.";
    let kinds = [
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
    ];
    for kind in kinds {
        let body = "grant_type=client_credentials";
        let answer = send(world.request(&v2(TENANT)).header("content-type", kind).body(body)).await;
        check(kind, &answer, &invalid_request(900144, no_parameter));
    }
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let long = |length| format!("client_assertion={}", "x".repeat(length)).into_bytes();
    let long = [long(70_000), long(1 << 20)];
    for body in [b"grant_type=%FF".to_vec(), vec![0xff, 0x00], b"a=1&a=2".to_vec()].into_iter().chain(long) {
        let answer = send(world.request(&v2(TENANT)).header("content-type", form).body(body)).await;
        check("garbage", &answer, &malformed());
    }
}

#[tokio::test]
async fn http_basic_is_one_way_of_proving_oneself_and_gets_a_challenge() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let fields = [("grant_type", "client_credentials"), ("scope", &scope)];
    let wrong = send(world.request(&v2(TENANT)).basic_auth(CLIENT, Some("wrong")).form(&fields)).await;
    assert_eq!((wrong.status.as_u16(), wrong.json().get("error_codes")), (401, &json!([7000215])));
    assert!(wrong.header("www-authenticate").starts_with("Basic realm="));

    let both = [&fields[..], &[("client_secret", SECRET)]].concat();
    let other_client = [&fields[..], &[("client_id", NO_SUCH_APP)]].concat();
    for form in [both, other_client] {
        let answer = send(world.request(&v2(TENANT)).basic_auth(CLIENT, Some(SECRET)).form(&form)).await;
        assert_eq!((answer.status.as_u16(), answer.json().get("error_codes")), (400, &json!([9002313])));
    }
    let twice = world.request(&v2(TENANT)).basic_auth(CLIENT, Some(SECRET)).basic_auth(CLIENT, Some(SECRET));
    let twice = send(twice.form(&fields)).await;
    assert_eq!((twice.status.as_u16(), opened(&twice).code), (400, 9002313), "{twice:?}");
    for header in ["Basic !!!", "Basic bm9jb2xvbg=="] {
        let answer = send(world.request(&v2(TENANT)).header("authorization", header).form(&fields)).await;
        assert_eq!(answer.json().get("error_codes"), &json!([9002313]), "{header}");
    }
}

#[tokio::test]
async fn the_correlation_id_is_the_clients_where_it_sent_one() {
    let world = World::new().await;
    let id = "a5b1c2d3-0000-4000-8000-123456789abc";
    let answer = send(world.request(&v2(TENANT)).header("client-request-id", id)).await;
    assert_eq!(answer.json().text("correlation_id"), id);
    assert_eq!(answer.header("client-request-id"), id);
    let answer = send(world.request(&v2(TENANT)).header("client-request-id", "<script>")).await;
    assert_eq!(answer.json().text("correlation_id"), answer.header("x-ms-request-id"));
    assert_eq!(answer.header("client-request-id"), "");
}

#[tokio::test]
async fn the_client_of_http_basic_and_of_the_form_are_compared_as_ids() {
    let world = World::new().await;
    let scope = format!("api://{RESOURCE}/.default");
    let fields = [("grant_type", "client_credentials"), ("client_id", CLIENT), ("scope", scope.as_str())];
    let request = world.request(&v2(TENANT)).basic_auth(CLIENT.to_uppercase(), Some(SECRET));
    assert_eq!(send(request.form(&fields)).await.status, 200);
}

/// A body that announces its length and never comes.
struct Announced;

impl http_body::Body for Announced {
    type Data = axum::body::Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        std::task::Poll::Pending
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(100_000_000_000)
    }
}

#[tokio::test]
async fn a_form_that_is_announced_too_long_is_refused_before_it_comes() {
    let world = World::new().await;
    let admin = world.authority.admin_url().unwrap();
    let kind = "application/x-www-form-urlencoded";
    for path in [v1(TENANT), v2(TENANT)] {
        let request = world.request(&path).header("content-type", kind);
        check(&path, &send(request.body(reqwest::Body::wrap(Announced))).await, &malformed());
    }
    let request = world.http.post(admin.join("tenants").unwrap()).header("content-type", "application/json");
    let answer = send(request.body(reqwest::Body::wrap(Announced))).await;
    assert!(answer.status == 400 && answer.body.contains("longer than"), "{answer:?}");
}
