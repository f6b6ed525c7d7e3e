//! A failing store is answered 503, without anything that suggests a bad token.

use std::path::Path;

use reqwest::Method;
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use crate::app::{App, DEVELOPMENT, assert_problem};

/// Opens another connection to the app's database.
async fn database(folder: &Path) -> SqliteConnection {
    let url = format!("sqlite://{}/new/resources.db", folder.display());
    SqliteConnection::connect(&url).await.unwrap()
}

async fn assert_unavailable(response: reqwest::Response) {
    assert_eq!(response.headers()["retry-after"], "5");
    assert!(!response.headers().contains_key("www-authenticate"));
    assert_eq!(assert_problem(response, 503, "store_unavailable").await, "");
}

#[tokio::test]
async fn a_store_that_is_broken_is_answered_503_on_every_route_that_needs_it() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    assert_eq!(app.get("/api/resources").send().await.unwrap().status(), 200);
    sqlx::query("DROP TABLE resources").execute(&mut database(folder.path()).await).await.unwrap();
    let one = "/api/resources/01890a5d-ac96-774b-bcce-b302099a8057";
    let body = json!({ "name": "x", "content": 1 });
    for (method, path) in [
        (Method::GET, "/api/resources"),
        (Method::POST, "/api/resources"),
        (Method::GET, one),
        (Method::PUT, one),
        (Method::DELETE, one),
    ] {
        let request = app.request(method, path).header("if-match", "*").json(&body);
        assert_unavailable(request.send().await.unwrap()).await;
    }
    // Authentication and authorization do not need the store.
    assert_eq!(app.get("/api/caller").send().await.unwrap().status(), 200);
    let forged = app.get("/api/resources").bearer_auth("a.b.c").send().await.unwrap();
    assert_problem(forged, 401, "token_malformed").await;
    let ready = app.get("/health/ready").send().await.unwrap();
    assert!(assert_problem(ready, 503, "not_ready").await.contains("the store"));
}

#[tokio::test]
async fn a_write_to_a_store_that_stays_locked_is_answered_503() {
    let folder = tempfile::tempdir().unwrap();
    let app = App::start_in(folder.path(), &DEVELOPMENT).await;
    let mut other = database(folder.path()).await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let write = || app.request(Method::POST, "/api/resources").json(&json!({ "name": "x", "content": 1 }));
    assert_unavailable(write().send().await.unwrap()).await;
    assert_eq!(app.get("/api/resources").send().await.unwrap().status(), 200);
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(write().send().await.unwrap().status(), 201);
}
