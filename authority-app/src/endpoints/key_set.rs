//! The key sets that resources verify tokens with.
//!
//! Members in Entra's order (captures of 2024-07-22): no `alg`, and `issuer` in the keys of v2 alone.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use shared::azure_ad::Version;

use super::tenant::TenantSegment;
use super::{AppState, BaseUrl, public, refuse};
use crate::context::Context;
use crate::errors::Endpoint;
use crate::keys::SigningKey;

pub(super) async fn v1(State(state): State<AppState>, tenant: TenantSegment, context: Context) -> Response {
    match tenant.resolve(&state.directory, Endpoint::Discovery) {
        Ok(_) => key_set(&state, None),
        Err(refusal) => refuse(refusal, &context),
    }
}

pub(super) async fn v2(
    State(state): State<AppState>,
    Extension(BaseUrl(base)): Extension<BaseUrl>,
    tenant: TenantSegment,
    context: Context,
) -> Response {
    match tenant.resolve(&state.directory, Endpoint::Discovery) {
        Ok(named) => key_set(&state, Some(&named.issuer(&base, Version::V2))),
        Err(refusal) => refuse(refusal, &context),
    }
}

#[derive(Serialize)]
struct KeySet<'a> {
    keys: Vec<Key<'a>>,
}

#[derive(Serialize)]
struct Key<'a> {
    kty: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
    kid: &'a str,
    x5t: &'a str,
    n: &'a str,
    e: &'a str,
    x5c: [&'a str; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<&'a str>,
}

fn key_set(state: &AppState, issuer: Option<&str>) -> Response {
    let keys = state.keys.snapshot();
    public(KeySet { keys: keys.published().map(|key| Key::of(key, issuer)).collect() })
}

impl<'a> Key<'a> {
    fn of(key: &'a SigningKey, issuer: Option<&'a str>) -> Self {
        Self {
            kty: "RSA",
            usage: "sig",
            kid: key.kid(),
            x5t: key.kid(),
            n: key.modulus(),
            e: key.exponent(),
            x5c: [key.certificate()],
            issuer,
        }
    }
}
