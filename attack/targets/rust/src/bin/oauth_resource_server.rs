//! <https://docs.rs/oauth-resource-server/0.4.1>, "Quickstart (axum)" and "Per-route scopes".

use std::sync::Arc;

use attack_targets::{listener, setting};
use axum::{Json, Router, routing};
use oauth_resource_server::axum::{AuthLayer, RequireScopes};
use oauth_resource_server::{KeyNaming, OAuthConfig, OAuthValidator, static_token_policy};

async fn answer() -> Json<Vec<String>> {
    Json(Vec::new())
}

#[tokio::main]
async fn main() {
    let config = OAuthConfig {
        enabled: true,
        issuer: setting("ISSUER"),
        audience: setting("AUDIENCE"),
        resource: "https://orders.example/".into(),
        // The documentation's way for app roles: the claim that holds them.
        scope_claims: vec!["roles".into()],
        allow_unscoped_tokens: true,
        ..OAuthConfig::default()
    };
    let resolved =
        config.resolve(KeyNaming::Dotted("oauth")).expect("a configuration").expect("it is enabled");
    let ca = std::fs::read(setting("CA_FILE")).expect("the certificate authority");
    let oauth =
        OAuthValidator::builder(&resolved).add_root_certificate_pem(&ca).build().expect("a validator");
    let oauth = Arc::new(oauth);
    oauth.spawn_background_refresh();
    oauth.refresh_now().await.expect("the key set");
    let decision = static_token_policy(None, Some(&resolved), false).expect("a policy");
    let auth = AuthLayer::from_decision(decision, Some(oauth)).expect("a layer");
    let route = |method: routing::MethodRouter, role: &'static str| {
        Router::new().route("/orders", method).route_layer(RequireScopes::new([role]))
    };
    let app = route(routing::get(answer), "Orders.Read")
        .merge(route(routing::post(answer), "Orders.Write"))
        .route_layer(auth);
    axum::serve(listener().await, app).await.expect("it serves");
}
