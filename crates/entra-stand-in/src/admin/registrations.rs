//! Creates tenants, grants and revokes app roles, and declares the roles that an app requests.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use entra_shared::azure_ad::{Authority, Version};
use entra_shared::ids::{AppRole, ClientId, TenantId};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::Body;
use super::{failed, invalid, never_stored, unknown_tenant};
use crate::RegistrationError;
use crate::directory::{self, Application};
use crate::endpoint::{DISCOVERY, KEYS};
use crate::endpoints::AppState;
use crate::tenants::{LiveTenant, TenantError};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGrant {
    client_id: ClientId,
    resource: ClientId,
    role: AppRole,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OldRole {
    client_id: ClientId,
    role: AppRole,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Switch {
    client_id: ClientId,
    enabled: bool,
}

pub(super) async fn tenant(State(state): State<AppState>, Body(NewTenant {}): Body<NewTenant>) -> Response {
    let tenants = Arc::clone(&state.tenants);
    let live = match tokio::task::spawn_blocking(move || tenants.add()).await {
        Ok(Ok(live)) => live,
        Ok(Err(error @ TenantError::TooMany)) => return invalid(error.to_string()),
        Ok(Err(error)) => return failed(&error),
        Err(error) => return failed(&error),
    };
    (StatusCode::CREATED, Json(described(&live, &state))).into_response()
}

pub(super) async fn tenants(State(state): State<AppState>) -> Json<Value> {
    let tenants: Vec<Value> = state.tenants.all().iter().map(|live| described(live, &state)).collect();
    Json(json!({ "tenants": tenants }))
}

fn described(live: &LiveTenant, state: &AppState) -> Value {
    let (id, instance) = (live.id, &state.reach.instance);
    let authority = Authority::new(instance.clone(), id, None);
    let [_, discovery] = DISCOVERY;
    let [_, keys] = KEYS;
    let entry = live.entry();
    let api = |api: &Application| {
        json!({
            "client_id": api.client_id,
            "name": api.display_name,
            "app_id_uri": api.identifier_uris.first(),
            "token_version": api.token_version,
            "roles": api.role_values(),
        })
    };
    json!({
        "id": id,
        "instance": instance,
        "issuer": authority.issuer(Version::V2),
        "token_endpoint": authority.token_endpoint(Version::V2),
        "openid_configuration": format!("{instance}/{id}/{discovery}"),
        "jwks_uri": format!("{instance}/{id}/{keys}"),
        "applications": entry.apis().into_iter().map(api).collect::<Vec<_>>(),
    })
}

pub(super) async fn remove(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    let removed = TenantId::parse(&id).is_ok_and(|id| state.tenants.remove(id));
    if removed { StatusCode::NO_CONTENT.into_response() } else { unknown_tenant() }
}

pub(super) async fn request(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewGrant>,
) -> Response {
    changed(&state, &id, |tenant| tenant.request(new.client_id, new.resource, &new.role))
}

pub(super) async fn grant(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewGrant>,
) -> Response {
    changed(&state, &id, |tenant| tenant.grant(new.client_id, new.resource, &new.role))
}

pub(super) async fn revoke(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(old): Body<NewGrant>,
) -> Response {
    changed(&state, &id, |tenant| tenant.revoke(old.client_id, old.resource, &old.role))
}

pub(super) async fn disable_role(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(old): Body<OldRole>,
) -> Response {
    changed(&state, &id, |tenant| {
        tenant.principal_mut(old.client_id)?.application_mut().disable_role(&old.role)
    })
}

pub(super) async fn enabled(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(switch): Body<Switch>,
) -> Response {
    changed(&state, &id, |tenant| {
        tenant.principal_mut(switch.client_id)?.enabled = switch.enabled;
        Ok(())
    })
}

/// Changes a tenant atomically.
pub(super) fn changed(
    state: &AppState,
    id: &str,
    change: impl Fn(&mut directory::Tenant) -> Result<(), RegistrationError>,
) -> Response {
    let tenant = TenantId::parse(id).ok().and_then(|id| state.tenants.tenant(id));
    let Some(tenant) = tenant else { return unknown_tenant() };
    match tenant.change(change) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => invalid(error.to_string()),
    }
}

/// Creates something in a tenant and returns its JSON.
pub(super) fn created(
    state: &AppState,
    id: &str,
    create: impl FnOnce(&LiveTenant) -> Result<Value, RegistrationError>,
) -> Response {
    let tenant = TenantId::parse(id).ok().and_then(|id| state.tenants.tenant(id));
    let Some(tenant) = tenant else { return unknown_tenant() };
    match create(&tenant) {
        Ok(body) => never_stored((StatusCode::CREATED, Json(body))),
        Err(error) => invalid(error.to_string()),
    }
}
