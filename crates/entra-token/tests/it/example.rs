use std::path::PathBuf;
use std::process::{Command, Output};

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use entra_stand_in::Authority;

/// Cargo builds the examples of a package together with its tests.
fn example() -> Command {
    let mut path: PathBuf = std::env::current_exe().unwrap();
    path.pop();
    path.set_file_name("examples");
    let mut command = Command::new(path.join("call_orders"));
    command.env_clear();
    command
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

#[tokio::test]
async fn the_example_calls_an_api_with_its_own_credential() {
    let authority = Authority::builder().spawn().await.unwrap();
    let tenant = authority.tenant().await.unwrap();
    let api = tenant.application("orders").unwrap().role("Orders.Read").unwrap();
    let client = tenant.client("caller").unwrap().grant(&api, "Orders.Read").unwrap();
    let orders = |headers: HeaderMap| async move {
        let is_bearer = headers["authorization"].to_str().unwrap().starts_with("Bearer ey");
        if is_bearer { "3 orders" } else { "no token" }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let orders_url = format!("http://{}", listener.local_addr().unwrap());
    let server =
        tokio::spawn(axum::serve(listener, Router::new().route("/orders", get(orders))).into_future());
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), authority.ca_certificate_pem()).unwrap();

    let mut command = example();
    command
        .env("SSL_CERT_FILE", ca.path())
        .env("AZURE_AUTHORITY_HOST", authority.instance().to_string())
        .env("AZURE_TENANT_ID", tenant.id().to_string())
        .env("AZURE_CLIENT_ID", client.client_id().to_string())
        .env("AZURE_CLIENT_SECRET", client.secret().expose())
        .env("ORDERS_URL", orders_url)
        .env("ORDERS_APP_ID_URI", api.app_id_uri());
    let output = run(command).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "3 orders\n");
    server.abort();

    let mut without_client = example();
    without_client.env("ORDERS_URL", "http://localhost").env("ORDERS_APP_ID_URI", "api://orders");
    let output = run(without_client).await;
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("AZURE_TENANT_ID"));
}
