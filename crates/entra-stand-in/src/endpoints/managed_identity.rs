//! The managed identity endpoints: IMDS (virtual machines, AKS) and App Service.
//!
//! Plain http on a loopback address, or the link-local one of IMDS, and a separate listener, as on a virtual machine and in App Service. Each endpoint
//! requires its own header, which web pages of other origins cannot send without a CORS preflight.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

mod app_service;
mod imds;

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{FromRef, Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Extension, Router};
use entra_shared::claims::{Claims, ClientAuthentication};
use entra_shared::ids::ClientId;
use entra_shared::loopback::{has_host, is_loopback_host};
use http::{HeaderMap, StatusCode};

use super::addressed::Addressed;
use super::identity_query::{named, parameters, value};
use super::{AppState, judgement, set};
use crate::context::Context;
use crate::credentials::SecretHash;
use crate::directory::{IdentityName, Tenant};
use crate::endpoint::Endpoint;
use crate::errors::Refusal;
use crate::faults::{self, Envelope};
use crate::grant::Grant;
use crate::identity_tokens::IdentityToken;
use crate::journal::{Caller, Reason};

/// The lifetime of a managed identity's token, in seconds, which is a day.
const LIFE: i64 = 86_400;

/// The paths of IMDS. MSAL Node appends a slash to URLs from the environment.
const IMDS_PATHS: [&str; 2] = ["/metadata/identity/oauth2/token", "/metadata/identity/oauth2/token/"];

/// The address of IMDS, a constant of many libraries. It is link-local: a machine has it only if it is configured.
pub(crate) const METADATA_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// The paths of App Service.
const APP_SERVICE_PATHS: [&str; 2] = ["/msi/token", "/msi/token/"];

/// The state of the managed identity listener.
#[derive(Debug, Clone)]
pub(crate) struct MachineState {
    app: AppState,
    identity_header: Arc<SecretHash>,
}

impl MachineState {
    pub(crate) fn new(app: AppState, identity_header: SecretHash) -> Self {
        Self { app, identity_header: Arc::new(identity_header) }
    }
}

impl FromRef<MachineState> for AppState {
    fn from_ref(state: &MachineState) -> Self {
        state.app.clone()
    }
}

/// Builds the routes of both endpoints.
pub(crate) fn router(state: MachineState) -> Router {
    let routes = IMDS_PATHS.iter().fold(Router::new(), |routes, path| routes.route(path, any(imds::token)));
    APP_SERVICE_PATHS
        .iter()
        .fold(routes, |routes, path| routes.route(path, any(app_service::token)))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(state.clone(), guard))
        .with_state(state)
}

/// Refuses any `Host` that is neither loopback nor the address of IMDS (DNS rebinding), and applies the tenant's clock, faults and journal.
async fn guard(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let is_allowed = |host: &str| is_loopback_host(host) || host == METADATA_ADDRESS.to_string();
    if !has_host(request.uri(), request.headers(), is_allowed) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let path = request.uri().path();
    let is_app_service = APP_SERVICE_PATHS.contains(&path);
    let is_identity = is_app_service || IMDS_PATHS.contains(&path);
    let endpoint = is_identity.then_some(Endpoint::ManagedIdentity);
    let addressed = Addressed::by(endpoint, &mut request, &state).await;
    let context = Context::new(request.headers(), addressed.now());
    request.extensions_mut().insert(context);
    let fault = addressed.fault(context.now);
    let envelope: Envelope = if is_app_service { app_service::failure } else { imds::failure };
    let record = addressed.recording(context, fault.as_ref());
    let mut response = faults::answer(fault.as_ref(), (envelope, &context), next.run(request)).await;
    record.answered(&response);
    set(response.headers_mut(), &[("cache-control", "no-store, no-cache"), ("pragma", "no-cache")]);
    response
}

/// A token for a managed identity.
struct Issued {
    claims: Claims,
    token: String,
    /// The remaining lifetime, in seconds, less one.
    expires_in: i64,
    /// The details for the journal.
    noted: (Extension<Caller>, Extension<Reason>),
}

/// Why a managed identity gets no token.
enum Denied {
    /// The directory has no such identity.
    UnknownIdentity,
    /// Entra refuses the identity. The response contains Entra's error.
    Refused(Refusal),
    /// The token could not be signed.
    Failed,
}

/// Issues a token, or returns the token that was issued before.
///
/// Any caller of the listener counts as a workload on the machine, as in Azure.
fn issue(
    state: &AppState,
    name: IdentityName<'_>,
    requested: &str,
    context: &Context,
) -> Result<Issued, Denied> {
    let (tenant, identity) = state.directory.managed_identity(name).ok_or(Denied::UnknownIdentity)?;
    let live = state.tenants.tenant(tenant.id).ok_or(Denied::Failed)?;
    let issued = |IdentityToken { claims, token, reason }| Issued {
        expires_in: claims.exp - context.now.as_second() - 1,
        claims,
        token,
        noted: (Extension(Caller(Some(identity.client_id))), Extension(reason)),
    };
    if let Some(kept) = live.identity_tokens.find(identity.client_id, requested, context.now) {
        return Ok(issued(kept));
    }
    let tenant = live.entry();
    let grant = grant(&tenant, identity.client_id, requested)?;
    let mut claims = grant.claims(state.origin.canonical(), context);
    claims.regular.exp = context.now.as_second() + LIFE;
    let json = serde_json::to_vec(&claims).map_err(|_| Denied::Failed)?;
    let key = live.keys.signing_for(grant.resource.application.client_id);
    let token = key.sign(grant.version(), &json).map_err(|_| Denied::Failed)?;
    tracing::info!(
        client_id = %identity.client_id,
        resource = %grant.resource.application.client_id,
        roles = claims.regular.roles.len(),
        trace_id = %context.trace_id,
        "issued a token to a managed identity"
    );
    let reason =
        Reason::Issued { roles: claims.regular.roles.clone(), not_consented: grant.roles_without_consent() };
    let token = IdentityToken { claims: claims.regular, token, reason };
    live.identity_tokens.keep(identity.client_id, requested, token.clone());
    Ok(issued(token))
}

/// Decides whether the identity may have the token, like for any client but without a credential.
fn grant<'a>(tenant: &'a Tenant, id: ClientId, requested: &'a str) -> Result<Grant<'a>, Denied> {
    let client = tenant.principal(id).ok_or(Denied::UnknownIdentity)?;
    let client = judgement::enabled(client).map_err(Denied::Refused)?;
    let resource = judgement::resource(tenant, &client.application, requested).map_err(Denied::Refused)?;
    let authentication = ClientAuthentication::Certificate;
    Ok(Grant { tenant, client, resource, requested, authentication, capabilities: Vec::new() })
}

/// Returns a header's value, unless it is repeated.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::ids::{ObjectId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::directory::Application;

    #[test]
    fn a_disabled_identity_gets_no_token() {
        let mut tenant = Tenant::fresh(TenantId::from(Uuid::from_u128(1)));
        let identity = Application::fresh("identity");
        let id = identity.client_id;
        tenant.register(identity, ObjectId::from(Uuid::from_u128(2))).unwrap();
        let requested = id.to_string();
        assert!(grant(&tenant, id, &requested).is_ok());
        tenant.principal_mut(id).unwrap().enabled = false;
        assert!(matches!(
            grant(&tenant, id, &requested),
            Err(Denied::Refused(Refusal::DisabledClient { .. }))
        ));
    }
}
