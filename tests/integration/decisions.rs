//! Each request under `/api` leaves one decision record in the log.

use std::io::Write;
use std::net::TcpStream;

use entra_shared::secret::AccessToken;
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use tests::World;
use tests::guarded_api::Place;
use tests::program::Server;
use tests::world::{CLIENT, RESOURCE, TENANT, base64url, now};

const CANARY: &str = "canary-4711";

/// The decision records in a log.
fn records(log: &str) -> Vec<Value> {
    let events = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["target"] == "decision").collect()
}

/// Ends the program, and returns its decision records.
fn records_of(server: Server) -> (Vec<Value>, String) {
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0), "{log}");
    (records(&log), log)
}

/// The members of a record that a case compares.
fn members(record: &Value, names: &[&str]) -> Value {
    names
        .iter()
        .map(|name| ((*name).to_owned(), record[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

struct Case<'a> {
    id: &'a str,
    request: RequestBuilder,
    token: Option<&'a AccessToken>,
    expected: Value,
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn every_request_leaves_one_record_that_says_who_and_why() {
    let world = World::start().await;
    let listed = format!(
        "[[authorization.clients]]\nclient_id = \"{CLIENT}\"\nname = \"Demo client\"\n\
         policies = [\"ReadPolicy\", \"WritePolicy\"]"
    );
    let place = Place::new(&world, &listed).with("RUST_LOG", "info,decision=debug");
    let place = place.with("AUTHORIZATION__ONLY_CREATOR_CHANGES", "true");
    let place = place.with("AUTHORIZATION__WRITE_REQUIRES_CERTIFICATE", "true");
    let server = place.with("AUTHORIZATION__REPORT_ONLY", "write_requires_certificate").serve().await;
    let http = tests::program::direct();
    let to = |method: Method, path: &str| http.request(method, format!("{}{path}", server.url()));
    let (get, post) = (|| to(Method::GET, "/api/resources"), || to(Method::POST, "/api/resources"));
    let body = json!({ "name": "x", "content": 1 });

    let reader = world.token(json!({ "roles": ["Resource.Read"] })).await;
    let writer = world.token(json!({ "roles": ["Resource.Write"] })).await;
    let unlisted = world.token(json!({ "azp": TENANT, "roles": ["Resource.Read"] })).await;
    let no_roles = world.token(json!({ "roles": null, "azp": TENANT, "uti": "x\n\u{1b}[31m" })).await;
    let audience = world.token(json!({ "aud": CANARY, "uti": CANARY, "roles": [CANARY] })).await;
    let expired = json!({ "iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 3600, "uti": CANARY });
    let expired = world.token(expired).await;
    let absent = "/api/resources/01890a5d-ac96-774b-bcce-b302099a8057";

    let case = |id, request, token, expected| Case { id, request, token, expected };
    let granted =
        |policy: &str, status: u16| json!({ "reason": "granted", "policy": policy, "status": status });
    let cases = [
        case("read", get(), Some(&reader), granted("ReadPolicy", 200)),
        case(
            "write",
            post().json(&body),
            Some(&writer),
            json!({ "reason": "granted", "policy": "WritePolicy", "status": 201, "would_deny": "WritePolicy:credential_too_weak" }),
        ),
        case("no-role", post().json(&body), Some(&reader), {
            json!({ "reason": "role_missing", "policy": "WritePolicy", "status": 403 })
        }),
        case("unlisted", get(), Some(&unlisted), {
            json!({ "reason": "client_not_allowed", "policy": "ReadPolicy", "status": 403, "client": null })
        }),
        case("both", get(), Some(&no_roles), {
            let reasons = "role_missing client_not_allowed";
            json!({ "reason": "role_missing", "reasons": reasons, "uti": "not_plain", "status": 403 })
        }),
        case("absent", to(Method::GET, absent), Some(&reader), {
            json!({ "reason": "granted", "code": "resource_not_found", "status": 404 })
        }),
        case("no-route", to(Method::GET, "/api/nowhere"), Some(&reader), {
            json!({ "reason": "route_not_found", "policy": null, "status": 404, "client_id": CLIENT })
        }),
        case("no-token", get(), None, json!({ "reason": "token_missing", "status": 401, "policy": null })),
        case("audience", get(), Some(&audience), json!({ "reason": "audience_mismatch", "status": 401 })),
        case("expired", get(), Some(&expired), json!({ "reason": "token_expired", "status": 401 })),
        case(
            "malformed",
            get().bearer_auth(CANARY),
            None,
            json!({ "reason": "token_malformed", "status": 401 }),
        ),
        case("syntax", get().header(header::AUTHORIZATION, "Bearer canary-4711 x"), None, {
            json!({ "reason": "credential_syntax", "status": 400 })
        }),
        case("two", get().bearer_auth(CANARY).bearer_auth(CANARY), None, {
            json!({ "reason": "several_credentials", "status": 400 })
        }),
    ];
    let mut expected = Vec::new();
    for Case { id, request, token, expected: record } in cases {
        let request = request.header("x-request-id", id);
        let request = match token {
            Some(token) => request.header(header::AUTHORIZATION, token.authorization()),
            None => request,
        };
        let status = request.send().await.unwrap().status().as_u16();
        assert_eq!(status, record["status"], "{id}");
        expected.push((id, record));
    }
    let (records, log) = records_of(server);
    for (id, expected) in &expected {
        let found: Vec<_> = records.iter().filter(|record| record["request_id"] == *id).collect();
        assert_eq!(found.len(), 1, "{id}: {found:?}");
        let names: Vec<&str> = expected.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members(found[0], &names), *expected, "{id}: {}", found[0]);
        let verified = expected["status"] != 401 && expected["status"] != 400;
        for name in ["client_id", "tenant_id", "uti", "key_id"] {
            assert_eq!(found[0][name].is_string(), verified, "{id}: {}", found[0]);
        }
        assert!(found[0]["key_set_age_seconds"].is_u64(), "{id}: {}", found[0]);
        let level = match (expected["reason"].as_str().unwrap(), expected["would_deny"].is_string()) {
            ("granted", false) | ("route_not_found", _) => "DEBUG",
            _ => "INFO",
        };
        assert_eq!(found[0]["level"], level, "{id}");
    }
    let record = records.iter().find(|record| record["request_id"] == "read").unwrap();
    let who = members(record, &["client_id", "client", "tenant_id"]);
    assert_eq!(who, json!({ "client_id": CLIENT, "client": "Demo client", "tenant_id": TENANT }));
    assert!(!log.contains(CANARY) && !log.contains("\\u001b"), "{log}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_summed_up_and_an_app_that_is_denied_is_on_record_with_how_often() {
    const FLOOD: u64 = 300;
    let world = World::start().await;
    let server = Place::new(&world, "").serve().await;
    let http = tests::program::direct();
    let url = format!("{}/api/resources", server.url());
    let ask = async |token: &AccessToken| {
        let request = http.get(&url).header(header::AUTHORIZATION, token.authorization());
        request.send().await.unwrap().status()
    };
    for _ in 0..FLOOD {
        assert_eq!(http.get(&url).bearer_auth("a.b.c").send().await.unwrap().status(), 401);
    }
    let denied = world.token(json!({ "roles": null })).await;
    for _ in 0..FLOOD {
        assert_eq!(ask(&denied).await, 403);
    }
    let another = world.token(json!({ "roles": null, "azp": RESOURCE })).await;
    assert_eq!(ask(&another).await, 403);
    let granted = world.token(json!({})).await;
    assert_eq!(ask(&granted).await, 200);
    let (records, _) = records_of(server);
    let count = |reason: &str, app: Option<&str>| {
        let of_reason = records.iter().filter(|it| it["reason"] == reason && it["client_id"].as_str() == app);
        let (summed, written): (Vec<_>, Vec<_>) = of_reason.partition(|record| record["left_out"].is_u64());
        (written.len() as u64, summed.iter().filter_map(|record| record["left_out"].as_u64()).sum::<u64>())
    };
    for (reason, app) in [("token_malformed", None), ("role_missing", Some(CLIENT))] {
        let (written, left_out) = count(reason, app);
        assert_eq!(written + left_out, FLOOD, "{reason}");
        assert!((1..=FLOOD / 2).contains(&written), "{reason}: {written}");
    }
    assert_eq!(count("role_missing", Some(RESOURCE)), (1, 0));
    // Grants are logged at level debug.
    assert_eq!(count("granted", Some(CLIENT)), (0, 0));
}

/// A token with this header and the payload of a good one, without a valid signature.
fn forged(good: &AccessToken, header: &Value) -> String {
    let payload = good.expose().split('.').nth(1).unwrap();
    format!("{}.{payload}.{}", base64url(&header.to_string()), no_signature())
}

/// Bytes as long as an RS256 signature.
fn no_signature() -> String {
    "A".repeat(342)
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_an_unverified_token_says_reaches_the_log() {
    let world = World::start().await;
    let server = Place::new(&world, "").with("RUST_LOG", "trace").serve().await;
    let http = tests::program::direct();
    let url = format!("{}/api/resources", server.url());
    let good = world.token(json!({ "uti": CANARY })).await;
    let kids = [
        CANARY,
        "canary-4711\r\n{\"target\":\"decision\"}",
        "canary-4711\u{1b}[31m",
        "canary-4711\u{2028}x",
        "${jndi:canary-4711}",
    ];
    for kid in kids {
        let token = forged(&good, &json!({ "typ": "JWT", "alg": "RS256", "kid": kid }));
        let response = http.get(&url).bearer_auth(token).send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(!format!("{:?}", response.headers()).contains("canary"));
        assert!(!response.text().await.unwrap().contains("canary"));
    }
    let elsewhere = http.get(format!("{url}/canary-4711%0d%0a%e2%80%a8?q=canary-4711"));
    let elsewhere = elsewhere.header("user-agent", CANARY).header("x-request-id", "canary 4711\u{80}");
    assert_eq!(elsewhere.send().await.unwrap().status(), 401);
    let (records, log) = records_of(server);
    assert_eq!(records.len(), kids.len() + 1, "{records:?}");
    assert!(records.iter().all(|record| record.get("key_id").is_none()), "{records:?}");
    assert_eq!(log.lines().find(|line| line.contains("canary")), None);
}

#[tokio::test]
async fn the_answers_to_bad_tokens_differ_in_their_reason_alone() {
    let world = World::start().await;
    let good = world.token(json!({})).await;
    let (message, _) = good.expose().rsplit_once('.').unwrap();
    let expired = json!({ "iat": now() - 7200, "nbf": now() - 7200, "exp": now() - 3600 });
    let expired = world.token(expired).await;
    let mut shapes = Vec::new();
    for (token, code) in [
        (forged(&good, &json!({ "alg": "RS256", "kid": CANARY })), "key_unknown"),
        (format!("{message}.{}", no_signature()), "signature_invalid"),
        (expired.expose().to_owned(), "token_expired"),
    ] {
        let request = world.request(Method::GET, "/api/resources").bearer_auth(token);
        let response = request.send().await.unwrap();
        let challenge = response.headers()[header::WWW_AUTHENTICATE].to_str().unwrap().to_owned();
        let (before, description) = challenge.split_once(", error_description=").unwrap();
        assert!(!description.is_empty());
        let mut headers: Vec<_> = response.headers().keys().map(ToString::to_string).collect();
        headers.sort_unstable();
        let (status, before) = (response.status(), before.to_owned());
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], code);
        let members: Vec<_> = problem.as_object().unwrap().keys().cloned().collect();
        shapes.push((status, before, headers, members, problem["title"].clone()));
    }
    assert!(shapes.windows(2).all(|two| two[0] == two[1]), "{shapes:?}");
}

#[tokio::test]
async fn what_is_open_tells_nothing_of_a_tenant_or_a_caller() {
    let world = World::start().await;
    let api = Place::new(&world, "").start().await;
    let token = world.token(json!({ "uti": CANARY })).await;
    assert_eq!(api.read(&token).await.status(), 200);
    let mut texts = vec![api.metrics().await];
    for path in ["/health/live", "/health/ready", "/openapi.json", "/docs/"] {
        texts.push(api.open(path).await);
    }
    for text in texts {
        for canary in [TENANT, CLIENT, RESOURCE, CANARY, "eyJ"] {
            assert!(!text.contains(canary), "{canary}: {text}");
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_client_went_away_is_on_record() {
    let world = World::start().await;
    let server = Place::new(&world, "").with("RUST_LOG", "info,decision=debug").serve().await;
    let token = world.token(json!({ "roles": ["Resource.Write"] })).await;
    let address = server.url().trim_start_matches("http://").replace("localhost", "127.0.0.1");
    let mut client = TcpStream::connect(address).unwrap();
    let authorization = token.authorization();
    write!(
        client,
        "POST /api/resources HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: 100\r\nauthorization: {}\r\n\r\n{{",
        authorization.to_str().unwrap()
    )
    .unwrap();
    // Once another connection's request is answered, the first one has been read.
    let health = format!("{}/health/live", server.url());
    for _ in 0..10 {
        assert_eq!(tests::program::direct().get(&health).send().await.unwrap().status(), 200);
    }
    drop(client);
    let (records, log) = records_of(server);
    let [record] = &records[..] else { panic!("{log}") };
    assert_eq!(
        (&record["reason"], &record["policy"]),
        (&json!("granted"), &json!("WritePolicy")),
        "{record}"
    );
}
