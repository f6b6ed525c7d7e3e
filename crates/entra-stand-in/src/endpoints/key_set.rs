//! Serves the key sets that verify tokens.
//!
//! Members are in Entra's order (captures of 2024-07-22): no `alg`, and `issuer` only in v2 keys.

use std::sync::Arc;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use entra_shared::azure_ad::{Instance, Version};
use entra_shared::ids::ClientId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::tenant::{Resolved, TenantSegment};
use super::{AppState, BaseUrl, public, refuse};
use crate::context::Context;
use crate::errors::Endpoint;
use crate::keys::SigningKey;

/// The app whose custom signing key a request asks for.
#[derive(Deserialize)]
pub(super) struct OfApp {
    pub(super) appid: Option<ClientId>,
}

pub(super) async fn v1(
    State(state): State<AppState>,
    Query(of): Query<OfApp>,
    tenant: TenantSegment,
    context: Context,
) -> Response {
    match tenant.resolve(&state.tenants, Endpoint::Discovery) {
        Ok(resolved) => key_set(&state, &resolved, &of, None),
        Err(refusal) => refuse(refusal, &context),
    }
}

pub(super) async fn v2(
    State(state): State<AppState>,
    Extension(BaseUrl(base)): Extension<BaseUrl>,
    Query(of): Query<OfApp>,
    tenant: TenantSegment,
    context: Context,
) -> Response {
    match tenant.resolve(&state.tenants, Endpoint::Discovery) {
        Ok(resolved) => key_set(&state, &resolved, &of, Some(&base)),
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

/// Returns a tenant's own keys, or the keys of all tenants for `common` and the like.
///
/// Keys of tenants that tests created are left out, so that tests do not affect each other. `base` is set for v2 only,
/// whose keys name their issuer. For an app with a custom signing key that asks for it, that is the only key.
fn key_set(state: &AppState, resolved: &Resolved, of: &OfApp, base: Option<&Instance>) -> Response {
    let shared = || {
        let mut all = state.tenants.all();
        all.retain(|tenant| !tenant.entry().has_own_key_set);
        all
    };
    let tenants = resolved.tenant().map_or_else(shared, |tenant| vec![Arc::clone(tenant)]);
    let issuer = base.map(|base| resolved.named().issuer(base, Version::V2));
    let custom = of.appid.and_then(|app| tenants.iter().find_map(|tenant| tenant.keys.custom(app)));
    if let Some(key) = custom {
        return public(KeySet { keys: vec![Key::new(&key, issuer.as_deref())] });
    }
    let sets: Vec<_> = tenants.iter().map(|tenant| tenant.keys.snapshot()).collect();
    let own = sets.iter().flat_map(|set| set.published().map(|key| Key::new(key, issuer.as_deref())));
    // Only v2 keys name their issuer, so only there is a key of another issuer recognizable.
    let others: Vec<_> = tenants.iter().filter_map(|tenant| tenant.keys.of_other_issuer()).collect();
    let other_issuer = base.map(|base| format!("{base}/{}/v2.0", Uuid::max()));
    let foreign = others.iter().filter(|_| base.is_some()).map(|key| Key::new(key, other_issuer.as_deref()));
    public(KeySet { keys: own.chain(foreign).collect() })
}

impl<'a> Key<'a> {
    fn new(key: &'a SigningKey, issuer: Option<&'a str>) -> Self {
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
