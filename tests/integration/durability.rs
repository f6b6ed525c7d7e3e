//! A write that was acknowledged survives the end of the process, however it ends.

use std::path::Path;

use demo::system::System;
use reqwest::{StatusCode, header};
use serde_json::{Value, json};
use tests::World;
use tests::program::Server;

/// The resource-app as a process of its own, with this folder for its data.
pub(crate) async fn resource_app(system: &System, folder: &Path) -> Server {
    let variables = [
        ("AZURE_AD__INSTANCE", system.authority().instance().to_string()),
        ("HTTP_CLIENT__CA_FILE", system.ca_file().display().to_string()),
        ("SERVER__LISTEN", "127.0.0.1:0".into()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.join("resources.db").display())),
    ];
    let server = Server::start("resource-app", &["serve"], &variables);
    server.wait_until_ready().await;
    server
}

#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let world = World::start().await;
    let token = world.token(json!({})).await;
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let server = resource_app(&world.system, folder.path()).await;
        let url = format!("{}/api/resources", server.url());
        let create = async |name: String| {
            let request = world.http.post(&url).header(header::AUTHORIZATION, token.authorization());
            request.json(&json!({ "name": name, "content": round })).send().await.unwrap()
        };
        for number in 0..10 {
            let created = create(format!("{round}-{number}")).await;
            assert_eq!(created.status(), StatusCode::CREATED);
            let resource: Value = created.json().await.unwrap();
            acknowledged.push(resource);
        }
        server.kill();
    }
    let server = resource_app(&world.system, folder.path()).await;
    let request = world.http.get(format!("{}/api/resources", server.url()));
    let page: Value = request
        .header(header::AUTHORIZATION, token.authorization())
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(page["items"], Value::Array(acknowledged));
}
