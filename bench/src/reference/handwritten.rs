//! R: a strict extractor on jsonwebtoken with aws-lc-rs, written as its documentation suggests.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRef, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use uuid::Uuid;

use super::store::Store;
use super::{AppState, Arguments, EntraClaims};

/// The keys by id, and the expected claims.
pub(super) struct Verifier {
    keys: HashMap<String, DecodingKey>,
    validation: Validation,
}

/// The caller.
struct Caller(EntraClaims);

impl Verifier {
    pub(super) async fn fetch(http: &reqwest::Client, arguments: &Arguments) -> anyhow::Result<Self> {
        let set: JwkSet = http.get(&arguments.keys).send().await?.error_for_status()?.json().await?;
        let mut keys = HashMap::new();
        for jwk in &set.keys {
            if let Some(key_id) = &jwk.common.key_id {
                keys.insert(key_id.clone(), DecodingKey::from_jwk(jwk)?);
            }
        }
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&arguments.issuer]);
        validation.set_audience(&[&arguments.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf"]);
        validation.validate_nbf = true;
        Ok(Self { keys, validation })
    }

    fn verify(&self, token: &str) -> Option<EntraClaims> {
        let key = self.keys.get(&decode_header(token).ok()?.kid?)?;
        Some(decode(token, key, &self.validation).ok()?.claims)
    }
}

impl<S> FromRequestParts<S> for Caller
where
    Arc<Verifier>: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let refused = || (StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Bearer")]).into_response();
        let value = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = value.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(refused)?;
        Arc::<Verifier>::from_ref(state).verify(token).map(Self).ok_or_else(refused)
    }
}

pub(super) fn routes() -> Router<AppState> {
    Router::new().route("/api/caller", get(show)).route("/api/resources/{id}", get(read))
}

async fn show(Caller(claims): Caller) -> Response {
    if claims.is_app_only() { Json(claims).into_response() } else { StatusCode::FORBIDDEN.into_response() }
}

async fn read(Caller(claims): Caller, State(store): State<Store>, Path(id): Path<Uuid>) -> Response {
    if claims.has("Resource.Read") { store.answer(id).await } else { StatusCode::FORBIDDEN.into_response() }
}
