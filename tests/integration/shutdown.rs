//! The programs end when they are told to, with exit code 0.

use std::path::Path;

use reqwest::StatusCode;
use serde_json::json;
use tests::World;
use tests::program::{self, Server};

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

    let variables =
        [("AZURE_CLIENT_SECRET", "x"), ("SERVER__LISTEN", "127.0.0.1:0"), ("METRICS__LISTEN", "127.0.0.1:0")];
    let client = Server::start("client-app", &["serve"], &variables);
    assert_eq!(client.terminate().0, Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_log_whose_reader_is_gone_stops_neither_requests_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [
        ("SERVER__LISTEN", "127.0.0.1:0".to_owned()),
        ("METRICS__LISTEN", "127.0.0.1:0".into()),
        ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
        ("RUST_LOG", "debug".into()),
    ];
    let server = Server::start_and_stop_reading("resource-app", &["serve"], &variables);
    let answer = program::direct().get(format!("{}/api/resources", server.url())).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(server.terminate().0, Some(0));
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
