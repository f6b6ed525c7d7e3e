//! The four steps of a key rollover, and the emergency replacement.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use entra_shared::ids::{ClientId, TenantId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::body::Body;
use super::control::Whose;
use super::{failed, invalid, tenant};
use crate::endpoints::AppState;
use crate::keys::{RollError, SigningKeys};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    tenant: Option<TenantId>,
    kid: String,
}

pub(super) async fn list(State(state): State<AppState>, Query(whose): Query<Whose>) -> Response {
    match tenant(&state, whose.tenant) {
        Ok(tenant) => {
            let key = |(kid, state)| json!({ "kid": kid, "state": state });
            let keys: Vec<_> = tenant.keys.list().into_iter().map(key).collect();
            Json(json!({ "keys": keys })).into_response()
        }
        Err(response) => *response,
    }
}

pub(super) async fn announce(State(state): State<AppState>, Body(whose): Body<Whose>) -> Response {
    step(state, whose.tenant, |keys| keys.announce().map(|kid| Json(json!({ "kid": kid })).into_response()))
        .await
}

pub(super) async fn promote(State(state): State<AppState>, Body(which): Body<Which>) -> Response {
    step(state, which.tenant, move |keys| keys.promote(&which.kid).map(done)).await
}

pub(super) async fn retire(State(state): State<AppState>, Body(which): Body<Which>) -> Response {
    step(state, which.tenant, move |keys| keys.retire(&which.kid).map(done)).await
}

pub(super) async fn remove(State(state): State<AppState>, Body(which): Body<Which>) -> Response {
    step(state, which.tenant, move |keys| keys.remove(&which.kid).map(done)).await
}

pub(super) async fn restore(State(state): State<AppState>, Body(which): Body<Which>) -> Response {
    step(state, which.tenant, move |keys| keys.restore(&which.kid).map(done)).await
}

pub(super) async fn emergency(State(state): State<AppState>, Body(whose): Body<Whose>) -> Response {
    step(state, whose.tenant, |keys| keys.emergency().map(done)).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Publish {
    tenant: Option<TenantId>,
    publish: bool,
}

pub(super) async fn other_issuer(State(state): State<AppState>, Body(wanted): Body<Publish>) -> Response {
    step(state, wanted.tenant, move |keys| {
        if !wanted.publish {
            keys.withdraw_of_other_issuer();
            return Ok(Json(json!({})).into_response());
        }
        keys.publish_of_other_issuer().map(|kid| Json(json!({ "kid": kid })).into_response())
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfApi {
    tenant: Option<TenantId>,
    client_id: ClientId,
}

pub(super) async fn custom(State(state): State<AppState>, Body(of): Body<OfApi>) -> Response {
    let make = move |keys: &SigningKeys| keys.make_custom(of.client_id);
    step(state, of.tenant, move |keys| make(keys).map(|kid| Json(json!({ "kid": kid })).into_response()))
        .await
}

pub(super) async fn roll(State(state): State<AppState>, Body(whose): Body<Whose>) -> Response {
    step(state, whose.tenant, |keys| keys.roll().map(done)).await
}

fn done((): ()) -> Response {
    StatusCode::NO_CONTENT.into_response()
}

/// Runs a step on the blocking pool, since generating a key takes some 100 ms.
async fn step(
    state: AppState,
    id: Option<TenantId>,
    step: impl FnOnce(&SigningKeys) -> Result<Response, RollError> + Send + 'static,
) -> Response {
    let tenant = match tenant(&state, id) {
        Ok(tenant) => tenant,
        Err(response) => return *response,
    };
    match tokio::task::spawn_blocking(move || step(&tenant.keys)).await {
        Ok(Ok(response)) => response,
        Ok(Err(error @ RollError::Key(_))) => failed(&error),
        Ok(Err(error)) => invalid(error.to_string()),
        Err(error) => failed(&error),
    }
}
