//! The programs end when they are told to, with exit code 0.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::json;
use tests::World;
use tests::program::Server;

use crate::durability::resource_app;

#[cfg(unix)]
#[tokio::test]
async fn each_service_ends_with_0_after_sigterm() {
    let world = World::start().await;
    let folder = tempfile::tempdir().unwrap();
    let resource = resource_app(&world.system, folder.path()).await;
    let token = world.token(json!({})).await;
    let request = world.http.get(format!("{}/api/resources", resource.url()));
    let response = request.header("Authorization", token.authorization()).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(resource.terminate().0, Some(0));

    let authority = authority_app(folder.path());
    assert_eq!(authority.terminate().0, Some(0));

    let variables = [("AZURE_CLIENT_SECRET", "x"), ("SERVER__LISTEN", "127.0.0.1:0")];
    let client = Server::start("client-app", &["serve"], &variables);
    assert_eq!(client.terminate().0, Some(0));
}

/// The stand-in as a process of its own, with this folder for its keys.
pub(crate) fn authority_app(folder: &Path) -> Server {
    let data = folder.join("authority").display().to_string();
    let ca_out = folder.join("ca.pem").display().to_string();
    let variables = [
        ("DATA__FOLDER", data.as_str()),
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("ADMIN__LISTEN", "127.0.0.1:0"),
        ("RUST_LOG", "trace"),
    ];
    Server::start("authority-app", &["serve", "--ca-out", &ca_out], &variables)
}
