//! <https://docs.rs/tower-oauth2-resource-server/0.12.5>, and its example for axum.

use attack_targets::{Claims, listener, setting};
use axum::http::StatusCode;
use axum::{Extension, Json, Router, routing::get};
use tower_oauth2_resource_server::{server::OAuth2ResourceServer, tenant::TenantConfiguration};

async fn list(Extension(claims): Extension<Claims>) -> Result<Json<Vec<String>>, StatusCode> {
    if claims.has("Orders.Read") { Ok(Json(Vec::new())) } else { Err(StatusCode::FORBIDDEN) }
}

async fn create(Extension(claims): Extension<Claims>) -> Result<Json<Vec<String>>, StatusCode> {
    if claims.has("Orders.Write") { Ok(Json(Vec::new())) } else { Err(StatusCode::FORBIDDEN) }
}

#[tokio::main]
async fn main() {
    let audience = setting("AUDIENCE");
    let tenant = TenantConfiguration::builder(setting("ISSUER")).audiences(&[audience.as_str()]).build();
    let server = OAuth2ResourceServer::<Claims>::builder()
        .add_tenant(tenant.await.expect("the tenant's configuration"))
        .build()
        .await
        .expect("a resource server");
    let app = Router::new().route("/orders", get(list).post(create)).layer(server.into_layer());
    axum::serve(listener().await, app).await.expect("it serves");
}
