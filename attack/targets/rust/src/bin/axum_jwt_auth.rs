//! <https://docs.rs/axum-jwt-auth/0.7.0>, "Remote JWKS".

use std::sync::Arc;

use attack_targets::{Claims as Orders, listener, setting};
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use jsonwebtoken::{Algorithm, Validation};

#[derive(Clone, FromRef)]
struct AppState {
    decoder: Decoder<Orders>,
}

async fn list(user: Claims<Orders>) -> Result<Json<Vec<String>>, StatusCode> {
    if user.claims.has("Orders.Read") { Ok(Json(Vec::new())) } else { Err(StatusCode::FORBIDDEN) }
}

async fn create(user: Claims<Orders>) -> Result<Json<Vec<String>>, StatusCode> {
    if user.claims.has("Orders.Write") { Ok(Json(Vec::new())) } else { Err(StatusCode::FORBIDDEN) }
}

#[tokio::main]
async fn main() {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[setting("AUDIENCE")]);
    validation.set_issuer(&[setting("ISSUER")]);
    let decoder = RemoteJwksDecoder::builder()
        .jwks_url(setting("JWKS_URI"))
        .validation(validation)
        .build()
        .expect("a decoder");
    let decoder = Arc::new(decoder);
    let _shutdown = decoder.initialize().await.expect("the key set");
    let app = Router::new().route("/orders", get(list).post(create)).with_state(AppState { decoder });
    axum::serve(listener().await, app).await.expect("it serves");
}
