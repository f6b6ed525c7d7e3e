//! The flow end to end.

use demo::walkthrough::{Report, Summary};
use demo::{Settings, Walkthrough};
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tests::World;

#[tokio::test]
async fn every_step_of_the_walkthrough_goes_as_expected() {
    let world = World::start().await;
    let settings = Settings::load(None, world.system.walkthrough_environment()).unwrap();
    let mut lines = Vec::new();
    let summary = Walkthrough::new(settings).unwrap().run(&mut Report::new(&mut lines)).await;
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(summary, Summary { as_expected: 17, unexpected: 0, skipped: 0 }, "{lines}");
    assert_eq!(lines.lines().count(), 17);
    for reason in ["token_missing", "role_missing", "audience_mismatch", "token_expired", "signature_invalid"]
    {
        assert!(lines.contains(&format!(" {reason}, Bearer realm=")), "{reason}: {lines}");
    }
}

#[tokio::test]
async fn the_client_app_creates_reads_replaces_and_deletes_with_its_own_token() {
    let world = World::start().await;
    let url = |path: &str| world.system.client_url().join(path).unwrap();

    let created = world
        .http
        .post(url("/api/resources"))
        .json(&json!({ "name": "first", "content": { "answer": 42 } }))
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), StatusCode::CREATED);
    let etag = created.headers()[header::ETAG].clone();
    let resource: Value = created.json().await.unwrap();
    assert_eq!(resource["created_by"], tests::world::CLIENT);
    let path = format!("/api/resources/{}", resource["id"].as_str().unwrap());

    let read: Value = world.http.get(url(&path)).send().await.unwrap().json().await.unwrap();
    assert_eq!(read, resource);

    let replace = json!({ "name": "second", "content": null });
    let unconditional = world.http.put(url(&path)).json(&replace).send().await.unwrap();
    assert_eq!(unconditional.status(), StatusCode::PRECONDITION_REQUIRED);
    let replaced =
        world.http.put(url(&path)).header(header::IF_MATCH, &etag).json(&replace).send().await.unwrap();
    assert_eq!(replaced.status(), StatusCode::OK);
    let stale = world.http.delete(url(&path)).header(header::IF_MATCH, etag).send().await.unwrap();
    assert_eq!(stale.status(), StatusCode::PRECONDITION_FAILED);
    let etag = replaced.headers()[header::ETAG].clone();
    let deleted = world.http.delete(url(&path)).header(header::IF_MATCH, etag).send().await.unwrap();
    assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    assert_eq!(world.http.get(url(&path)).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_resource_tells_a_caller_who_it_takes_it_to_be() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let caller: Value = world.get("/api/caller", &token).await.json().await.unwrap();
    assert_eq!(caller["tenant_id"], tests::world::TENANT);
    assert_eq!(caller["client_id"], tests::world::CLIENT);
    assert_eq!(caller["roles"], json!(["Resource.Read", "Resource.Write"]));
    assert_eq!(caller["client_authentication"], "secret");
    assert_eq!(caller["token_version"], "2.0");
}

#[tokio::test]
async fn the_same_idempotency_key_creates_one_resource() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let create = async |name: &str| {
        let request = world.request(reqwest::Method::POST, "/api/resources");
        let request =
            request.header(header::AUTHORIZATION, token.authorization()).header("Idempotency-Key", "key-1");
        let response = request.json(&json!({ "name": name, "content": 1 })).send().await.unwrap();
        (response.status(), response.json::<Value>().await.unwrap())
    };
    let first = create("one").await;
    assert_eq!(first.0, StatusCode::CREATED);
    assert_eq!(create("one").await, first);
    assert_eq!(create("another").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let page: Value = world.get("/api/resources", &token).await.json().await.unwrap();
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    for number in 0..5 {
        let created = world.post(&token, &json!({ "name": format!("{number}"), "content": number })).await;
        assert_eq!(created.status(), StatusCode::CREATED);
    }
    let (mut names, mut after) = (Vec::new(), String::new());
    for _ in 0..3 {
        let page: Value =
            world.get(&format!("/api/resources?limit=2{after}"), &token).await.json().await.unwrap();
        names.extend(
            page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()),
        );
        after = page["next"].as_str().map(|next| format!("&after={next}")).unwrap_or_default();
    }
    assert_eq!(names, ["0", "1", "2", "3", "4"]);
    assert_eq!(after, "", "the last page has no next one");
    for wrong in ["limit=0", "limit=101", "limit=x", "after=nonsense"] {
        assert_eq!(
            world.get(&format!("/api/resources?{wrong}"), &token).await.status(),
            StatusCode::BAD_REQUEST,
            "{wrong}"
        );
    }
}
