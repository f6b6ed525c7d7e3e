//! Tenants of tests, and the apps in them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::azure_ad::Version;
use shared::ids::{AppRole, ClientId, TenantId};

use super::body::Body;
use super::{failed, invalid, never_stored, unknown_tenant};
use crate::RegistrationError;
use crate::directory;
use crate::endpoints::AppState;
use crate::tenant::Tenant;
use crate::tenants::TenantError;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenant {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewApplication {
    name: String,
    #[serde(default)]
    roles: Vec<String>,
    token_version: Option<Version>,
    #[serde(default)]
    idtyp: bool,
    #[serde(default)]
    assignment_required: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewClient {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewGrant {
    client_id: ClientId,
    resource: ClientId,
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
    let authority = Tenant::new(live, Arc::clone(&state.reach)).authority();
    let body = json!({
        "id": authority.tenant(),
        "instance": authority.instance(),
        "issuer": authority.issuer(Version::V2),
        "token_endpoint": authority.token_endpoint(Version::V2),
    });
    (StatusCode::CREATED, Json(body)).into_response()
}

pub(super) async fn remove(State(state): State<AppState>, Path(id): Path<String>) -> Response {
    let removed = TenantId::parse(&id).is_ok_and(|id| state.tenants.remove(id));
    if removed { StatusCode::NO_CONTENT.into_response() } else { unknown_tenant() }
}

pub(super) async fn application(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewApplication>,
) -> Response {
    created(&state, &id, |tenant| {
        let mut application = tenant.application(&new.name)?;
        for role in &new.roles {
            application = application.role(role)?;
        }
        if let Some(version) = new.token_version {
            application = application.token_version(version)?;
        }
        if new.idtyp {
            application = application.with_idtyp()?;
        }
        if new.assignment_required {
            application = application.assignment_required()?;
        }
        Ok(json!({ "client_id": application.client_id(), "app_id_uri": application.app_id_uri() }))
    })
}

pub(super) async fn client(
    State(state): State<AppState>,
    Path(id): Path<String>,
    Body(new): Body<NewClient>,
) -> Response {
    created(&state, &id, |tenant| {
        let client = tenant.client(&new.name)?;
        let secret = client.secret().expose();
        let (client_id, object_id) = (client.client_id(), client.object_id());
        Ok(json!({ "client_id": client_id, "client_secret": secret, "object_id": object_id }))
    })
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

fn changed(
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

fn created(
    state: &AppState,
    id: &str,
    create: impl FnOnce(&Tenant) -> Result<Value, RegistrationError>,
) -> Response {
    let live = TenantId::parse(id).ok().and_then(|id| state.tenants.tenant(id));
    let Some(live) = live else { return unknown_tenant() };
    match create(&Tenant::new(live, Arc::clone(&state.reach))) {
        Ok(body) => never_stored((StatusCode::CREATED, Json(body))),
        Err(error) => invalid(error.to_string()),
    }
}
