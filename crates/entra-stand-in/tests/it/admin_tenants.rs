//! What the admin listener does with tenants, keys, faults, clocks, journals and catalogues.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::world::{Answer, RESOURCE, TENANT, World, form, part, send};

pub(crate) async fn ask(world: &World, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let url = world.authority.admin_url().unwrap().join(path).unwrap();
    let request = Client::builder().no_proxy().build().unwrap().request(method, url);
    send(match body {
        Some(body) => request.json(body),
        None => request,
    })
    .await
}

pub(crate) async fn post(world: &World, path: &str, body: Value) -> Answer {
    ask(world, Method::POST, path, Some(&body)).await
}

pub(crate) fn value(answer: &Answer) -> Value {
    assert!(answer.status.is_success(), "{answer:?}");
    serde_json::from_str(&answer.body).unwrap()
}

/// A tenant with an API and a client that was granted its role: the ids of all, and the secret.
async fn fresh(world: &World) -> [String; 4] {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tenant = text(&value(&post(world, "tenants", json!({})).await)["id"]);
    let api = json!({ "name": "orders", "roles": ["Orders.Read"] });
    let api = text(&value(&post(world, &format!("tenants/{tenant}/applications"), api).await)["client_id"]);
    let client = value(&post(world, &format!("tenants/{tenant}/clients"), json!({ "name": "caller" })).await);
    let (id, secret) = (text(&client["client_id"]), text(&client["client_secret"]));
    let grant = json!({ "client_id": id, "resource": api, "role": "Orders.Read" });
    assert_eq!(post(world, &format!("tenants/{tenant}/grants"), grant).await.status, 204);
    [tenant, api, id, secret]
}

#[tokio::test]
async fn another_process_has_a_tenant_to_itself() {
    let world = World::new().await;
    let [tenant, api, id, secret] = fresh(&world).await;
    let scope = format!("api://{api}/.default");
    let token = async || {
        let answer = world.post(&format!("{tenant}/oauth2/v2.0/token"), &form(&id, &secret, &scope)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json().text("access_token").to_owned()
    };
    let first = token().await;
    assert_eq!(part(&first, 1).get("roles"), &json!(["Orders.Read"]));

    assert_eq!(post(&world, "clock", json!({ "tenant": tenant, "freeze": true })).await.status, 200);
    let clock = post(&world, "clock", json!({ "tenant": tenant, "advance_seconds": 86400 })).await;
    assert!(value(&clock)["now"].is_string());
    assert!(part(&token().await, 1).number("exp") - part(&first, 1).number("exp") > 86_000);

    let script = json!([{ "kind": "status", "status": 503, "retry_after_seconds": 2 }]);
    let faults = json!({ "tenant": tenant, "endpoint": "token", "script": script });
    assert_eq!(post(&world, "faults", faults).await.status, 204);
    let faulted = world.post(&format!("{tenant}/oauth2/v2.0/token"), &[]).await;
    assert_eq!((faulted.status.as_u16(), faulted.header("retry-after")), (503, "2"));

    let journal = value(&ask(&world, Method::GET, &format!("journal?tenant={tenant}"), None).await);
    let statuses: Vec<_> =
        journal["entries"].as_array().unwrap().iter().map(|entry| &entry["status"]).collect();
    assert_eq!(statuses, [200, 200, 503]);
    assert!(!journal.to_string().contains(&secret));
    assert_eq!(ask(&world, Method::DELETE, &format!("journal?tenant={tenant}"), None).await.status, 204);
    let journal = value(&ask(&world, Method::GET, &format!("journal?tenant={tenant}"), None).await);
    assert_eq!(journal["entries"], json!([]));

    assert_eq!(ask(&world, Method::DELETE, &format!("tenants/{tenant}"), None).await.status, 204);
    assert_eq!(ask(&world, Method::DELETE, &format!("tenants/{tenant}"), None).await.status, 404);
}

#[tokio::test]
async fn another_process_counts_what_came_to_an_endpoint_within_a_time() {
    let world = World::new().await;
    let [tenant, api, id, secret] = fresh(&world).await;
    let scope = format!("api://{api}/.default");
    world.post(&format!("{tenant}/oauth2/v2.0/token"), &form(&id, &secret, &scope)).await;
    for _ in 0..2 {
        world.get(&format!("{tenant}/discovery/v2.0/keys")).await;
    }
    // The tenant's clock does not count.
    let ahead = json!({ "tenant": tenant, "advance_seconds": 86400 });
    assert_eq!(post(&world, "clock", ahead).await.status, 200);
    let journal = async |query: &str| {
        value(&ask(&world, Method::GET, &format!("journal?tenant={tenant}{query}"), None).await)
    };
    for (query, count) in [
        ("", 3),
        ("&endpoint=keys", 2),
        ("&endpoint=token&within_seconds=600", 1),
        ("&endpoint=keys&within_seconds=600", 2),
        ("&endpoint=discovery_v2", 0),
        ("&within_seconds=0", 0),
    ] {
        let answer = journal(query).await;
        assert_eq!(answer["count"], count, "{query}");
        assert_eq!(answer["entries"].as_array().map(Vec::len), Some(count), "{query}");
    }
    let expected = async |query: &str| {
        let answer = ask(&world, Method::GET, &format!("journal?tenant={tenant}&{query}"), None).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        (answer.status.as_u16(), body["count"].clone(), body["expected"].clone())
    };
    for (query, status, count, told) in [
        ("least=3&most=3", 200, 3, Value::Null),
        ("endpoint=keys&least=3", 409, 2, json!("at least 3")),
        ("endpoint=keys&most=1", 409, 2, json!("0 to 1")),
        ("endpoint=keys&most=1&most_within_seconds=600", 409, 2, json!("0 to 1")),
        ("endpoint=keys&most=1&most_within_seconds=0", 200, 1, Value::Null),
        (&format!("client_id={id}&least=1&most=1"), 200, 1, Value::Null),
        (&format!("client_id={api}&least=1"), 409, 0, json!("at least 1")),
    ] {
        assert_eq!(expected(query).await, (status, json!(count), told), "{query}");
    }
    for query in ["endpoint=fire", "within_seconds=-1", "since=1", "least=x"] {
        assert_eq!(ask(&world, Method::GET, &format!("journal?{query}"), None).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn another_process_takes_a_role_back_and_switches_apps_off_and_on() {
    let world = World::new().await;
    let [tenant, api, id, secret] = fresh(&world).await;
    let scope = format!("api://{api}/.default");
    let token =
        async || world.post(&format!("{tenant}/oauth2/v2.0/token"), &form(&id, &secret, &scope)).await;
    for (app, code) in [(&id, "AADSTS7000112"), (&api, "AADSTS500014")] {
        for (enabled, refused) in [(false, true), (true, false)] {
            let switch = json!({ "client_id": app, "enabled": enabled });
            assert_eq!(post(&world, &format!("tenants/{tenant}/enabled"), switch).await.status, 204);
            assert_eq!(token().await.body.contains(code), refused, "{app} {enabled}");
        }
    }
    let revoke = format!("tenants/{tenant}/grants/revoke");
    let grant = json!({ "client_id": id, "resource": api, "role": "Orders.Read" });
    assert_eq!(post(&world, &revoke, grant).await.status, 204);
    assert!(!part(token().await.json().text("access_token"), 1).names().contains(&"roles"));
    let unknown = json!({ "client_id": id, "resource": api, "role": "Orders.Write" });
    assert_eq!(post(&world, &revoke, unknown).await.status, 400);
}

#[tokio::test]
async fn another_process_does_one_thing_at_a_time_to_a_clock() {
    let world = World::new().await;
    let tenant = world.authority.tenant().await.unwrap();
    let id = tenant.id();
    let time = "2030-01-01T00:00:00Z";
    for body in [json!({ "freeze": true }), json!({ "set": time })] {
        let body = with_tenant(&body, &id.to_string());
        assert_eq!(post(&world, "clock", body).await.status, 200);
    }
    for body in [
        json!({ "advance_seconds": 60, "freeze": true, "resume": true }),
        json!({ "advance_seconds": 60, "rewind_seconds": 30 }),
        json!({ "set": "2031-01-01T00:00:00Z", "resume": true }),
        json!({ "reset": true, "freeze": true }),
        json!({ "freeze": false }),
        json!({}),
    ] {
        let refused = post(&world, "clock", with_tenant(&body, &id.to_string())).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(refused.json().text("detail").contains("exactly one of"), "{refused:?}");
        assert_eq!(tenant.clock().now().to_string(), time, "{body}");
    }
}

fn with_tenant(body: &Value, tenant: &str) -> Value {
    let mut body = body.clone();
    body["tenant"] = tenant.into();
    body
}

#[tokio::test]
async fn another_process_rolls_keys_over_in_steps() {
    let world = World::new().await;
    let [tenant, ..] = fresh(&world).await;
    let keys = async || {
        let keys = value(&ask(&world, Method::GET, &format!("keys?tenant={tenant}"), None).await);
        keys["keys"].as_array().unwrap().clone()
    };
    let old = keys().await[0]["kid"].clone();
    let new = value(&post(&world, "keys/announce", json!({ "tenant": tenant })).await)["kid"].clone();
    for (step, kid) in [("promote", &new), ("retire", &old), ("remove", &old), ("restore", &old)] {
        let answer = post(&world, &format!("keys/{step}"), json!({ "tenant": tenant, "kid": kid })).await;
        assert_eq!(answer.status, 204, "{step}: {answer:?}");
    }
    let now = keys().await;
    assert_eq!((&now[0]["kid"], &now[0]["state"]), (&new, &json!("signing")));
    let refused = post(&world, "keys/remove", json!({ "tenant": tenant, "kid": new })).await;
    assert_eq!((refused.status.as_u16(), refused.json().text("code")), (400, "request_invalid"));
    assert_eq!(post(&world, "keys/emergency", json!({ "tenant": tenant })).await.status, 204);
    assert_eq!(post(&world, "keys/roll", json!({ "tenant": tenant })).await.status, 204);
    assert!(keys().await.iter().any(|key| key["kid"] == new && key["state"] == "removed"));
}

#[tokio::test]
async fn another_process_has_both_catalogues() {
    let world = World::new().await;
    let [tenant, api, id, _] = fresh(&world).await;
    let query = format!("tenant={tenant}&client_id={id}&resource={api}");
    let bad = value(&ask(&world, Method::GET, &format!("bad-tokens?{query}"), None).await);
    let bad = bad["tokens"].as_array().unwrap();
    let names: std::collections::HashSet<_> =
        bad.iter().map(|token| token["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), bad.len(), "two tokens have the same name");
    assert!(bad.iter().all(|token| token["wrong"].is_string() && token["allowed_statuses"][0].is_number()));
    let good = value(&ask(&world, Method::GET, &format!("good-tokens?{query}"), None).await);
    assert!(good["tokens"].as_array().unwrap().len() > 15);
    let unknown = ask(&world, Method::GET, &format!("bad-tokens?client_id={id}&resource={api}"), None).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test]
async fn every_route_that_is_listed_answers_and_says_what_is_wrong() {
    let world = World::new().await;
    let listed = value(&ask(&world, Method::GET, "", None).await);
    for route in listed["routes"].as_array().unwrap() {
        let (method, path) = route.as_str().unwrap().split_once(' ').unwrap();
        let path = path.replace("{tenant}", "00000000-0000-4000-8000-000000000000");
        let body = json!({ "unheard_of": 1 });
        let body = (method == "POST").then_some(&body);
        let answer = ask(&world, method.parse().unwrap(), &path, body).await;
        let expected: &[u16] = match (method, path.as_str()) {
            ("POST", _) | (_, "/bad-tokens" | "/good-tokens") => &[400],
            ("DELETE", "/journal") => &[204],
            ("DELETE", _) => &[404],
            _ => &[200],
        };
        assert!(expected.contains(&answer.status.as_u16()), "{route}: {answer:?}");
    }
    for (path, body) in [
        ("faults", json!({ "endpoint": "fire", "script": [] })),
        ("faults", json!({ "endpoint": "token", "script": [{ "kind": "status", "status": 200 }] })),
        ("clock", json!({ "freeze": true, "resume": true })),
        ("keys/promote", json!({ "kid": "unheard-of" })),
    ] {
        assert_eq!(post(&world, path, body).await.status, 400, "{path}");
    }
    let unknown_tenant = json!({ "tenant": "00000000-0000-4000-8000-000000000000" });
    assert_eq!(post(&world, "keys/roll", unknown_tenant).await.status, 404);
}

/// Puts ids of things that exist, and a real certificate, in the place of those in an example.
async fn with_real_ids(world: &World, path: &str, mut example: Value) -> Value {
    let keys = value(&ask(world, Method::GET, "keys", None).await);
    let state = match path {
        "/keys/restore" => "removed",
        "/keys/promote" => "announced",
        "/keys/remove" => "retired",
        _ => "published",
    };
    let found = keys["keys"].as_array().unwrap().iter().find(|key| key["state"] == state);
    if example.get("kid").is_some() {
        example["kid"] = found.unwrap_or_else(|| panic!("{path}: {keys}"))["kid"].clone();
    }
    if example.get("certificate").is_some() {
        let key =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap().pem();
        example["certificate"] = CERTIFICATE.get_or_init(|| certificate).as_str().into();
    }
    if example.get("key_id").is_some() {
        let client = example["client_id"].clone();
        let secret = post(world, &format!("tenants/{TENANT}/secrets"), json!({ "client_id": client })).await;
        example["key_id"] = value(&secret)["key_id"].clone();
    }
    example
}

/// One certificate, to add and to remove.
static CERTIFICATE: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[tokio::test]
async fn the_description_has_every_route_and_each_example_is_accepted() {
    let world = World::new().await;
    let listed = value(&ask(&world, Method::GET, "", None).await);
    let description = value(&ask(&world, Method::GET, "openapi.json", None).await);
    for route in listed["routes"].as_array().unwrap() {
        let (method, path) = route.as_str().unwrap().split_once(' ').unwrap();
        let operation = &description["paths"][path][method.to_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|summary| summary.ends_with('.')), "{route}");
        if method != "POST" {
            continue;
        }
        let content = &operation["requestBody"]["content"]["application/json"];
        let example = with_real_ids(&world, path, content["example"].clone()).await;
        let members = example.as_object().unwrap().keys();
        assert!(members.into_iter().all(|name| content["schema"]["properties"][name].is_object()), "{route}");
        let answer = post(&world, &path[1..].replace("{tenant}", TENANT), example.clone()).await;
        let status = operation["responses"].as_object().unwrap().keys().next().unwrap().clone();
        assert_eq!(answer.status.as_u16().to_string(), status, "{route} {example}: {answer:?}");
        for required in content["schema"]["required"].as_array().unwrap() {
            let mut without = example.clone();
            without.as_object_mut().unwrap().remove(required.as_str().unwrap());
            let answer = post(&world, &path[1..].replace("{tenant}", TENANT), without).await;
            assert_eq!(answer.status, 400, "{route} without {required}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let world = World::new().await;
    for (method, path, status) in [
        (Method::GET, "nowhere", 404),
        (Method::PUT, "keys", 405),
        (Method::GET, "keys?tenant=x", 400),
        (Method::GET, "journal?least=x", 400),
        (Method::DELETE, "tenants/x", 404),
    ] {
        let answer = ask(&world, method, path, None).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        assert!(problem["code"].is_string() && problem["status"] == status, "{path}: {problem}");
    }
}

#[tokio::test]
async fn tenants_are_kept_over_a_restart_if_they_are_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let start = async || {
        let builder = entra_stand_in::Authority::builder().data_folder(folder.path()).keep_tenants(true);
        let authority = builder.spawn().await.unwrap();
        World { http: crate::world::client(&authority), base: authority.instance().to_string(), authority }
    };
    let world = start().await;
    let tenant = value(&post(&world, "tenants", json!({})).await)["id"].as_str().unwrap().to_owned();
    let removed = value(&post(&world, "tenants", json!({})).await)["id"].as_str().unwrap().to_owned();
    let at = |path: &str| format!("tenants/{tenant}/{path}");
    let roles = json!({ "name": "orders", "roles": ["Orders.Read"], "token_lifetime_seconds": [3600, 5400] });
    let api = value(&post(&world, &at("applications"), roles).await)["client_id"].clone();
    let certificate =
        rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&certificate).unwrap().pem();
    let federated =
        json!({ "issuer": "https://idp.example", "subject": "s", "audience": "api://AzureADTokenExchange" });
    let new = json!({ "name": "caller", "certificates": [certificate], "federated": [federated] });
    let client = value(&post(&world, &at("clients"), new).await);
    let grant = json!({ "client_id": client["client_id"], "resource": api, "role": "Orders.Read" });
    assert_eq!(post(&world, &at("grants"), grant).await.status, 204);
    assert_eq!(ask(&world, Method::DELETE, &format!("tenants/{removed}"), None).await.status, 204);
    let keys = value(&ask(&world, Method::GET, &format!("keys?tenant={tenant}"), None).await);
    world.authority.shutdown().await;

    let world = start().await;
    let again = value(&ask(&world, Method::GET, &format!("keys?tenant={tenant}"), None).await);
    assert_eq!(again["keys"][0], keys["keys"][0], "the signing key is the same");
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let scope = format!("api://{}/.default", api.as_str().unwrap());
    let fields = [
        ("grant_type", "client_credentials"),
        ("client_id", id),
        ("client_secret", secret),
        ("scope", scope.as_str()),
    ];
    let answer = world.post(&crate::world::v2(&tenant), &fields).await;
    assert_eq!(part(answer.json().text("access_token"), 1).get("roles"), &json!(["Orders.Read"]));
    assert_eq!(ask(&world, Method::GET, &format!("keys?tenant={removed}"), None).await.status, 404);
    world.authority.shutdown().await;

    let file = folder.path().join("created-tenants").join(&tenant).join("tenant.json");
    std::fs::write(&file, "{").unwrap();
    let builder = entra_stand_in::Authority::builder().data_folder(folder.path()).keep_tenants(true);
    let error = builder.spawn().await.unwrap_err().to_string();
    assert!(error.contains("tenant.json: corrupt; delete it"), "{error}");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "{");
}

#[tokio::test]
async fn the_list_of_tenants_says_what_an_api_must_be_told() {
    let world = World::new().await;
    let made = value(&post(&world, "tenants", json!({})).await);
    let listed = value(&ask(&world, Method::GET, "tenants", None).await);
    let first = &listed["tenants"][0];
    assert_eq!(first["id"], TENANT);
    assert!(listed["tenants"].as_array().unwrap().contains(&made), "{listed}");
    let api = &first["applications"][0];
    assert_eq!((&api["name"], &api["client_id"]), (&json!("DemoResourceApp"), &json!(RESOURCE)));
    assert_eq!(api["roles"], json!(["Resource.Read", "Resource.Write"]));
    let discovery = first["openid_configuration"].as_str().unwrap().strip_prefix(&world.base).unwrap();
    let document = value(&world.get(&discovery[1..]).await);
    assert_eq!(
        (&document["issuer"], &document["jwks_uri"], &document["token_endpoint"]),
        (&first["issuer"], &first["jwks_uri"], &first["token_endpoint"])
    );
    let ca = ask(&world, Method::GET, "ca.pem", None).await;
    assert_eq!(ca.body, world.authority.ca_certificate_pem());
}

#[tokio::test]
async fn a_token_is_signed_with_the_key_that_is_asked_for() {
    let world = World::new().await;
    let tenant = value(&post(&world, "tenants", json!({})).await)["id"].clone();
    let at = |path: &str| format!("tenants/{}/{path}", tenant.as_str().unwrap());
    let api =
        value(&post(&world, &at("applications"), json!({ "name": "orders" })).await)["client_id"].clone();
    let client = value(&post(&world, &at("clients"), json!({ "name": "caller" })).await)["client_id"].clone();
    let published = async || -> Vec<(Value, Value)> {
        let keys = value(&world.get(&format!("{}/discovery/v2.0/keys", tenant.as_str().unwrap())).await);
        let keys = keys["keys"].as_array().unwrap().iter();
        keys.map(|key| (key["kid"].clone(), key["issuer"].clone())).collect()
    };
    let wanted = json!({ "publish": true, "tenant": tenant });
    let foreign = value(&post(&world, "keys/other-issuer", wanted.clone()).await)["kid"].clone();
    assert_eq!(value(&post(&world, "keys/other-issuer", wanted).await)["kid"], foreign, "it is kept");
    let (first, _) = published().await[0].clone();
    post(&world, "keys/emergency", json!({ "tenant": tenant })).await;
    let now = published().await;
    assert!(now.iter().all(|(kid, _)| *kid != first));
    let (_, other_issuer) = now.iter().find(|(kid, _)| *kid == foreign).unwrap();
    assert_eq!(*other_issuer, json!(format!("{}/ffffffff-ffff-ffff-ffff-ffffffffffff/v2.0", world.base)));
    for kid in [&first, &foreign] {
        let body = json!({ "tenant": tenant, "client_id": client, "resource": api, "kid": kid });
        let token = value(&post(&world, "tokens", body).await)["access_token"].clone();
        assert_eq!(part(token.as_str().unwrap(), 0).get("kid"), kid);
    }
    post(&world, "keys/other-issuer", json!({ "publish": false, "tenant": tenant })).await;
    assert!(published().await.iter().all(|(kid, _)| *kid != foreign));
    let body = json!({ "tenant": tenant, "client_id": client, "resource": api, "kid": foreign });
    assert_eq!(post(&world, "tokens", body).await.status, 400);
}
