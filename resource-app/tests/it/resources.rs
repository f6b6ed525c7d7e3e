//! The resource routes, with the development handler instead of tokens.

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

use crate::app::{App, DEVELOPMENT, assert_problem, location};

fn post(app: &App, body: &Value) -> RequestBuilder {
    app.request(Method::POST, "/api/resources").json(body)
}

fn named(name: &str) -> Value {
    json!({ "name": name, "content": { "of": name } })
}

fn header(response: &Response, name: &str) -> String {
    response.headers()[name].to_str().unwrap().to_owned()
}

async fn created(app: &App, name: &str) -> (String, Value) {
    let response = post(app, &named(name)).send().await.unwrap();
    assert_eq!(response.status(), 201);
    (location(&response), response.json().await.unwrap())
}

async fn list(app: &App, query: &str) -> Value {
    app.get(&format!("/api/resources{query}")).send().await.unwrap().json().await.unwrap()
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_resource_is_created_read_replaced_and_deleted() {
    let app = App::start_for_development().await;
    let (path, resource) = created(&app, "first").await;
    assert_eq!(path, format!("/api/resources/{}", resource["id"].as_str().unwrap()));
    assert_eq!(resource["content"], json!({ "of": "first" }));
    assert_eq!(resource["created_at"], resource["updated_at"]);

    let response = app.get(&path).send().await.unwrap();
    let etag = header(&response, "etag");
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(response.json::<Value>().await.unwrap(), resource);

    let put = |etag: &str| app.request(Method::PUT, &path).header("if-match", etag).json(&named("second"));
    let response = put(&etag).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let newer = header(&response, "etag");
    assert_ne!(newer, etag);
    let replaced: Value = response.json().await.unwrap();
    assert_eq!((&replaced["name"], &replaced["id"]), (&json!("second"), &resource["id"]));
    assert_eq!(replaced["created_at"], resource["created_at"]);

    let delete = |etag: &str| app.request(Method::DELETE, &path).header("if-match", etag);
    assert_problem(put(&etag).send().await.unwrap(), 412, "precondition_failed").await;
    assert_problem(delete(&etag).send().await.unwrap(), 412, "precondition_failed").await;
    assert_eq!(delete(&newer).send().await.unwrap().status(), 204);
    assert_problem(app.get(&path).send().await.unwrap(), 404, "resource_not_found").await;
    assert_problem(delete("*").send().await.unwrap(), 404, "resource_not_found").await;
    assert_problem(put("*").send().await.unwrap(), 404, "resource_not_found").await;
}

#[tokio::test]
async fn a_change_must_name_its_version() {
    let app = App::start_for_development().await;
    let (path, _) = created(&app, "n").await;
    let put = || app.request(Method::PUT, &path).json(&named("m"));
    let delete = || app.request(Method::DELETE, &path);
    assert_problem(put().send().await.unwrap(), 428, "precondition_required").await;
    assert_problem(delete().send().await.unwrap(), 428, "precondition_required").await;
    assert_problem(put().header("if-match", "1").send().await.unwrap(), 400, "invalid_if_match").await;
    assert_eq!(put().header("if-match", "*").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn of_two_changes_of_one_version_one_wins() {
    let app = App::start_for_development().await;
    let (path, _) = created(&app, "n").await;
    let put = || app.request(Method::PUT, &path).header("if-match", "\"1\"").json(&named("m")).send();
    let (a, b, c, d) = tokio::join!(put(), put(), put(), put());
    let mut statuses = [a, b, c, d].map(|response| response.unwrap().status().as_u16());
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412]);
}

#[tokio::test]
async fn a_repeated_key_replays_the_first_answer_and_creates_nothing() {
    let app = App::start_for_development().await;
    let send = |body: Value| post(&app, &body).header("idempotency-key", "key-1").send();
    let first = send(named("n")).await.unwrap();
    let (path, etag) = (location(&first), header(&first, "etag"));
    let resource: Value = first.json().await.unwrap();
    // The answer is the first one even after the resource has changed.
    let put = app.request(Method::PUT, &path).header("if-match", etag.as_str()).json(&named("m"));
    assert_eq!(put.send().await.unwrap().status(), 200);
    let second = send(named("n")).await.unwrap();
    assert_eq!(second.status(), 201);
    assert_eq!((location(&second), header(&second, "etag")), (path, etag));
    assert_eq!(second.json::<Value>().await.unwrap(), resource);
    assert_problem(send(named("other")).await.unwrap(), 422, "idempotency_key_reused").await;
    assert_eq!(names(&list(&app, "").await), ["m"]);
}

#[tokio::test]
async fn one_key_sent_many_times_at_once_creates_one_resource() {
    let app = App::start_for_development().await;
    let requests: Vec<_> = (0..16)
        .map(|_| tokio::spawn(post(&app, &named("n")).header("idempotency-key", "key").send()))
        .collect();
    let mut ids = Vec::new();
    for request in requests {
        let response = request.await.unwrap().unwrap();
        assert_eq!(response.status(), 201);
        ids.push(location(&response));
    }
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[tokio::test]
async fn a_malformed_idempotency_key_is_refused() {
    let app = App::start_for_development().await;
    let too_long = "k".repeat(256);
    for key in ["", "a b", "ü", &too_long] {
        let response = post(&app, &named("n")).header("idempotency-key", key).send().await.unwrap();
        assert_problem(response, 400, "invalid_idempotency_key").await;
    }
    let two = post(&app, &named("n")).header("idempotency-key", "a").header("idempotency-key", "b");
    assert_problem(two.send().await.unwrap(), 400, "invalid_idempotency_key").await;
}

#[tokio::test]
async fn a_list_comes_in_pages_that_neither_skip_nor_repeat() {
    let app = App::start_for_development().await;
    let expected: Vec<String> = (0..5).map(|number| format!("n{number}")).collect();
    for name in &expected {
        created(&app, name).await;
    }
    let (mut seen, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = list(&app, &query).await;
        seen.extend(names(&page).into_iter().map(str::to_owned));
        match page.get("next") {
            Some(next) => query = format!("?limit=2&after={}", next.as_str().unwrap()),
            None => break,
        }
    }
    assert_eq!(seen, expected);
    assert_eq!(names(&list(&app, "").await).len(), 5);
    assert!(list(&app, "?limit=5").await.get("next").is_none());
}

#[tokio::test]
async fn a_query_out_of_range_is_refused() {
    let app = App::start_for_development().await;
    for (query, code) in [
        ("limit=0", "invalid_limit"),
        ("limit=101", "invalid_limit"),
        ("limit=-1", "invalid_limit"),
        ("limit=1.5", "invalid_limit"),
        ("limit=", "invalid_limit"),
        ("limit=99999999999999999999", "invalid_limit"),
        ("after=", "invalid_cursor"),
        ("after=x", "invalid_cursor"),
        ("after=0191c7d0-6f5e-7c3a-9f9b-1c2d3e4f5a6b", "invalid_cursor"),
        ("limit=1&limit=2", "invalid_query"),
        ("offset=1", "invalid_query"),
        ("limit=%ff", "invalid_limit"),
    ] {
        let response = app.get(&format!("/api/resources?{query}")).send().await.unwrap();
        assert_problem(response, 400, code).await;
    }
}

#[tokio::test]
async fn an_id_that_is_not_a_uuid_is_not_found() {
    let app = App::start_for_development().await;
    let (path, _) = created(&app, "n").await;
    let upper = path.to_uppercase().replace("/API/RESOURCES", "/api/resources");
    let bare = path.rsplit('/').next().unwrap().replace('-', "");
    let long = "9".repeat(10_000);
    let others = ["x", "..%2f..", "%00", "%ff", "'%20OR%20'1'='1", "%F0%9F%98%80", &bare, &long]
        .map(|id| format!("/api/resources/{id}"));
    for path in others.iter().chain([&upper]) {
        assert_problem(app.get(path).send().await.unwrap(), 404, "resource_not_found").await;
    }
}

#[tokio::test]
async fn bodies_that_are_not_a_resource_are_refused() {
    let app = App::start_for_development().await;
    let send = |body: String| {
        app.request(Method::POST, "/api/resources")
            .header("content-type", "application/json")
            .body(body)
            .send()
    };
    let long_name = format!(r#"{{"name":"{}","content":1}}"#, "n".repeat(201));
    for (body, status, code) in [
        ("", 400, "malformed_json"),
        ("{", 400, "malformed_json"),
        (r#"{"name":"n","content":NaN}"#, 400, "malformed_json"),
        ("[]", 422, "invalid_resource"),
        (r#"["n",1]"#, 422, "invalid_resource"),
        ("null", 422, "invalid_resource"),
        (r#"{"name":"n"}"#, 422, "invalid_resource"),
        (r#"{"content":1}"#, 422, "invalid_resource"),
        (r#"{"name":1,"content":1}"#, 422, "invalid_resource"),
        (r#"{"name":"n","content":1,"id":"x"}"#, 422, "invalid_resource"),
        (r#"{"name":"n","name":"m","content":1}"#, 422, "invalid_resource"),
        (r#"{"name":"","content":1}"#, 422, "invalid_name"),
        (long_name.as_str(), 422, "invalid_name"),
    ] {
        assert_problem(send(body.to_owned()).await.unwrap(), status, code).await;
    }
    let text = app.request(Method::POST, "/api/resources").body(named("n").to_string());
    assert_problem(text.send().await.unwrap(), 415, "unsupported_media_type").await;
    // The size is checked before the media type.
    let long_text = app.request(Method::POST, "/api/resources").body(" ".repeat(128 * 1024 + 1));
    assert_problem(long_text.send().await.unwrap(), 413, "content_too_large").await;
}

#[tokio::test]
async fn content_is_limited_to_64_kib() {
    let app = App::start_for_development().await;
    let send = |length: usize| post(&app, &json!({ "name": "n", "content": "x".repeat(length) })).send();
    assert_eq!(send(64 * 1024 - 2).await.unwrap().status(), 201);
    assert_problem(send(64 * 1024 - 1).await.unwrap(), 413, "content_too_large").await;
    assert_problem(send(1024 * 1024).await.unwrap(), 413, "content_too_large").await;
}

#[tokio::test]
async fn any_json_is_returned_unchanged() {
    let app = App::start_for_development().await;
    for content in [json!(null), json!(1.5), json!(u64::MAX), json!("\u{0}\u{1f600}'"), json!([{}, [true]])] {
        let body = json!({ "name": "\u{1f600}", "content": content });
        let response = post(&app, &body).send().await.unwrap();
        let path = location(&response);
        let read: Value = app.get(&path).send().await.unwrap().json().await.unwrap();
        assert_eq!((&read["content"], &read["name"]), (&content, &body["name"]));
    }
}

#[tokio::test]
async fn resources_and_keys_are_still_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    let first = post(&app, &named("n")).header("idempotency-key", "key").send().await.unwrap();
    let path = location(&first);
    app.stop().await;
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    assert_eq!(app.get(&path).send().await.unwrap().status(), 200);
    let again = post(&app, &named("n")).header("idempotency-key", "key").send().await.unwrap();
    assert_eq!(location(&again), path);
}
