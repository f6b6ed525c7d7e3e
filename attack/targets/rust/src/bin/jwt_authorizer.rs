//! <https://docs.rs/jwt-authorizer/0.15.0>, "Usage Example", "Validation" and "ClaimsChecker".

use attack_targets::{Claims, listener, setting};
use axum_07::{Json, Router, routing};
use jwt_authorizer::{Authorizer, IntoLayer, JwtAuthorizer, Validation};

async fn authorizer(role: &'static str) -> Authorizer<Claims> {
    let validation = Validation::new().iss(&[setting("ISSUER")]).aud(&[setting("AUDIENCE")]).nbf(true);
    JwtAuthorizer::from_oidc(&setting("ISSUER"))
        .validation(validation)
        .check(move |claims: &Claims| claims.has(role))
        .build()
        .await
        .expect("an authorizer")
}

async fn answer() -> Json<Vec<String>> {
    Json(Vec::new())
}

#[tokio::main]
async fn main() {
    let read = routing::get(answer).layer(authorizer("Orders.Read").await.into_layer());
    let write = routing::post(answer).layer(authorizer("Orders.Write").await.into_layer());
    let app: Router = Router::new().route("/orders", read.merge(write));
    axum_07::serve(listener().await, app).await.expect("it serves");
}
