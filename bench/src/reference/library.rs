//! axum-jwt-auth, set up as strictly as it can be, with aws-lc-rs.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use axum_jwt_auth::{Claims, Decoder, RemoteJwksDecoder};
use jsonwebtoken_10::{Algorithm, Validation};
use uuid::Uuid;

use super::store::Store;
use super::{AppState, Arguments, EntraClaims};

pub(super) async fn decoder(
    http: reqwest::Client,
    arguments: &Arguments,
) -> anyhow::Result<Decoder<EntraClaims>> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&[&arguments.issuer]);
    validation.set_audience(&[&arguments.audience]);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf"]);
    validation.validate_nbf = true;
    let builder = RemoteJwksDecoder::builder().jwks_url(arguments.keys.clone());
    let decoder = builder.validation(validation).client(http).build()?;
    decoder.initialize().await?;
    Ok(Arc::new(decoder))
}

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/caller", get(show)).route("/api/resources/{id}", get(read))
}

async fn show(Claims { claims, .. }: Claims<EntraClaims>) -> Response {
    if claims.is_app_only() { Json(claims).into_response() } else { StatusCode::FORBIDDEN.into_response() }
}

async fn read(
    Claims { claims, .. }: Claims<EntraClaims>,
    State(store): State<Store>,
    Path(id): Path<Uuid>,
) -> Response {
    if claims.has("Resource.Read") { store.answer(id).await } else { StatusCode::FORBIDDEN.into_response() }
}
