//! Faults of the authority while the app runs, and that the app tolerates them.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::app::{App, assert_problem};
use crate::authority::{Authority, Identity, Reply, TENANT, bait, discovery, document, head, text};

/// Starts an app that holds the key `K1` and refetches for every unknown key.
async fn start(authority: &Authority) -> App {
    authority.publish(&["K1"]);
    let app = App::start(&[
        ("AZURE_AD__INSTANCE", &authority.url),
        ("HTTP_CLIENT__CA_FILE", authority.ca_file().to_str().unwrap()),
        ("HTTP_CLIENT__TIMEOUT_SECONDS", "1"),
        ("KEYS__UNKNOWN_KEY_FETCHES", "1000"),
    ])
    .await;
    accepted(&app, authority, "K1").await;
    app
}

async fn status(app: &App, authority: &Authority, key_id: &str) -> u16 {
    app.get("/api/resources").bearer_auth(authority.token(key_id)).send().await.unwrap().status().as_u16()
}

/// Waits until tokens of this key are accepted; a machine under load may need several fetches.
async fn accepted(app: &App, authority: &Authority, key_id: &str) {
    let start = Instant::now();
    while status(app, authority, key_id).await != 200 {
        assert!(start.elapsed() < Duration::from_secs(30), "{key_id} is not accepted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Makes the authority fail while the app fetches a new key: that key stays unknown and K1 remains valid.
///
/// Once the authority recovers, the new key is accepted.
async fn endures(app: &App, authority: &Authority, fault: &str, inject: impl FnOnce(&Authority)) {
    inject(authority);
    let request = app.get("/api/resources").bearer_auth(authority.token(fault));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 503, "{fault}");
    assert!(response.headers().contains_key("retry-after"), "{fault}");
    assert_problem(response, 503, "keys_unavailable").await;
    assert_eq!(status(app, authority, "K1").await, 200, "{fault}");
    assert_eq!(app.get("/health/ready").send().await.unwrap().status(), 200, "{fault}");
    authority.publish(&["K1", fault]);
    accepted(app, authority, fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_that_cannot_be_had_leaves_the_last_one_in_use() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    let keys = json!({ "keys": [authority.jwk("K1"), authority.jwk("other")] }).to_string();
    let cut = &keys[..keys.len() / 2];
    let location = |to: &str| format!("location: {to}\r\n");
    let elsewhere = format!("{}/elsewhere", authority.url);
    let gzip = "content-encoding: gzip\r\n";
    let replies = [
        ("close", Reply::Bytes(Vec::new())),
        ("no HTTP", Reply::Bytes(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec())),
        ("hang", Reply::Hang(Vec::new())),
        ("hang in the header", Reply::Hang(b"HTTP/1.1 200 OK\r\ncontent-".to_vec())),
        ("hang in the body", Reply::Hang(head("200 OK", "content-length: 99999\r\n", cut))),
        ("length too long", Reply::Bytes(head("200 OK", "content-length: 99999\r\n", &keys))),
        ("length too short", Reply::Bytes(head("200 OK", "content-length: 50\r\n", &keys))),
        ("chunk broken off", Reply::Bytes(head("200 OK", "transfer-encoding: chunked\r\n", "fff\r\n{"))),
        ("endless", Reply::Endless(head("200 OK", "", &keys))),
        ("204", text("204 No Content", "", "")),
        ("304", text("304 Not Modified", "", "")),
        ("401", text("401 Unauthorized", "www-authenticate: Basic\r\n", &keys)),
        ("403", text("403 Forbidden", "", &keys)),
        ("404", text("404 Not Found", "", &keys)),
        ("429", text("429 Too Many Requests", "retry-after: 60\r\n", "")),
        ("500", text("500 Internal Server Error", "", &keys)),
        ("503", text("503 Service Unavailable", "retry-after: 1\r\n", "")),
        ("301", text("301 Moved Permanently", &location(&elsewhere), &keys)),
        ("302", text("302 Found", &location("/elsewhere"), &keys)),
        ("307", text("307 Temporary Redirect", &location(&elsewhere), "")),
        ("308", text("308 Permanent Redirect", &location(&elsewhere), "")),
        ("gzip that is none", text("200 OK", gzip, "junk")),
        ("HTML", text("200 OK", "content-type: text/html\r\n", "<html><body>Sign in</body></html>")),
        ("empty", text("200 OK", "", "")),
        ("cut", text("200 OK", "", cut)),
        ("twice", text("200 OK", "", &format!("{keys}{keys}"))),
    ];
    for (fault, reply) in replies {
        endures(&app, &authority, fault, |authority| authority.answer_keys(reply)).await;
    }
    assert_eq!(authority.strayed(), 0, "a redirect was followed");
    // Nothing beyond the limit is read, except what buffers already hold.
    assert!(authority.endless() < 16 * 1024 * 1024, "{} bytes", authority.endless());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_set_without_a_usable_key_replaces_none() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    let with = |member: &str, value: Value| {
        let mut jwk = authority.jwk("K1");
        jwk[member] = value;
        json!({ "keys": [jwk] })
    };
    let documents = [
        ("no members", json!({})),
        ("a list", json!([authority.jwk("K1")])),
        ("null", json!({ "keys": null })),
        ("an object", json!({ "keys": { "K1": authority.jwk("K1") } })),
        ("no keys", json!({ "keys": [] })),
        ("no key", json!({ "keys": [null, 1, "K1", []] })),
        ("unknown type", with("kty", json!("unheard-of"))),
        ("for encryption", with("use", json!("enc"))),
        ("for encryption alone", with("key_ops", json!(["encrypt"]))),
        ("another algorithm", with("alg", json!("HS256"))),
        ("broken modulus", with("n", json!("%"))),
        ("another cloud", with("cloud_instance_name", json!("microsoftonline.us"))),
        ("too many keys", json!({ "keys": vec![authority.jwk("K1"); 1001] })),
        ("far too many keys", json!({ "keys": vec![json!({}); 100_000] })),
        ("too large", with("x5c", json!(["A".repeat(5 * 1024 * 1024)]))),
    ];
    for (fault, keys) in documents {
        endures(&app, &authority, fault, |authority| authority.answer_keys(document(&keys))).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_discovery_document_that_leads_astray_is_not_followed() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    let (bait, taken, _task) = bait().await;
    let good = discovery(&authority.url);
    let with = |member: &str, value: Value| {
        let mut document = good.clone();
        document[member] = value;
        document
    };
    let issuer = good["issuer"].as_str().unwrap();
    let keys = good["jwks_uri"].as_str().unwrap();
    let documents = [
        ("issuer with a slash more", with("issuer", json!(format!("{issuer}/")))),
        ("issuer in upper case", with("issuer", json!(issuer.to_uppercase()))),
        ("issuer of another host", with("issuer", json!(issuer.replace("localhost", "127.0.0.1")))),
        (
            "issuer of another tenant",
            with("issuer", json!(issuer.replace(TENANT, &TENANT.replace('8', "9")))),
        ),
        ("issuer of many tenants", with("issuer", json!(issuer.replace(TENANT, "{tenantid}")))),
        ("issuer of v1", with("issuer", json!(issuer.replace("/v2.0", "/")))),
        ("issuer missing", with("issuer", Value::Null)),
        ("keys missing", with("jwks_uri", Value::Null)),
        ("keys in a list", with("jwks_uri", json!([keys]))),
        ("keys at a path", with("jwks_uri", json!("/keys"))),
        ("keys without TLS", with("jwks_uri", json!(keys.replace("https", "http")))),
        ("keys at another port", with("jwks_uri", json!(format!("https://localhost:{}/keys", bait.port())))),
        ("keys at another host", with("jwks_uri", json!(format!("https://{bait}/keys")))),
        ("keys without TLS elsewhere", with("jwks_uri", json!(format!("http://{bait}/keys")))),
        ("keys in the cloud's metadata", with("jwks_uri", json!("http://169.254.169.254/keys"))),
        ("keys in a file", with("jwks_uri", json!("file:///etc/passwd"))),
        ("keys in the URL", with("jwks_uri", json!("data:application/json,{}"))),
        ("keys over FTP", with("jwks_uri", json!("ftp://localhost/keys"))),
        ("keys with a password", with("jwks_uri", json!(keys.replace("https://", "https://a:b@")))),
        ("keys at a path that is none", with("jwks_uri", json!(format!("{}/elsewhere", authority.url)))),
        ("too large", with("x", json!("x".repeat(5 * 1024 * 1024)))),
    ];
    for (fault, document_of) in documents {
        endures(&app, &authority, fault, |authority| authority.answer_discovery(document(&document_of)))
            .await;
    }
    let redirect = format!("location: https://{bait}/discovery\r\n");
    let replies = [
        ("moved", text("301 Moved Permanently", &redirect, &good.to_string())),
        ("hung", Reply::Hang(head("200 OK", "content-length: 999\r\n", "{"))),
        ("repeated", text("200 OK", "", &good.to_string().replacen('{', r#"{"issuer":"x","#, 1))),
        ("deep", text("200 OK", "", &"[".repeat(100_000))),
    ];
    for (fault, reply) in replies {
        endures(&app, &authority, fault, |authority| authority.answer_discovery(reply)).await;
    }
    assert_eq!(taken.load(Ordering::SeqCst), 0);
    // Only the URL with a different path was requested, and it does not exist.
    assert!(authority.strayed() >= 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_cannot_prove_who_it_is_is_not_believed() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    for identity in [Identity::Expired, Identity::OtherName, Identity::SelfSigned, Identity::Plain] {
        let fault = format!("{identity:?}");
        authority.publish(&["K1", &fault]);
        endures(&app, &authority, &fault, |authority| authority.identify_as(identity)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_key_costs_no_good_one_and_a_thousand_are_not_too_many() {
    let authority = Authority::start().await;
    let app = start(&authority).await;
    let mut keys: Vec<_> = (0..990).map(|number| authority.jwk(&format!("filler {number}"))).collect();
    keys.extend([
        json!(null),
        json!({ "kty": "unheard-of", "kid": "x" }),
        json!({ "n": "A".repeat(100_000) }),
    ]);
    keys.extend(["K1", "last"].map(|key_id| authority.jwk(key_id)));
    authority.answer_keys(document(&json!({ "keys": keys })));
    accepted(&app, &authority, "last").await;
    assert_eq!(status(&app, &authority, "K1").await, 200);
    assert_eq!(status(&app, &authority, "filler 0").await, 200);
    assert_eq!(status(&app, &authority, "x").await, 401);
}
