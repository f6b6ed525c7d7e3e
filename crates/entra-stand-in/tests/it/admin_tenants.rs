//! What the admin listener does with tenants, keys, faults, clocks, journals and catalogues.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::world::{Answer, World, form, part, send};

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
