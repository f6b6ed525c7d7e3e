//! Tokens for managed identities, in the two shapes in which a workload asks Azure for them.
//!
//! Plain http on a loopback address, on a listener of its own, as on a virtual machine (IMDS) and in App Service. Each
//! shape demands a header of its own, which a web page of another origin cannot send unasked.
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

mod app_service;
mod imds;

use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRef, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::{HeaderMap, StatusCode};
use shared::claims::{Claims, ClientAuthentication};
use shared::loopback::has_loopback_host;

use super::judgement;
use super::{AppState, set};
use crate::context::Context;
use crate::credentials::SecretHash;
use crate::directory::{Directory, IdentityName};
use crate::errors::Refusal;
use crate::grant::Grant;

/// A token's life from now, in seconds: a managed identity's lasts a day.
const LIFE: i64 = 86_400;

/// The life that answers tell, in seconds.
const EXPIRES_IN: i64 = LIFE - 1;

/// What the listener answers from.
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

/// The routes of both shapes.
pub(crate) fn router(state: MachineState) -> Router {
    Router::new()
        .route("/metadata/identity/oauth2/token", any(imds::token))
        .route("/msi/token", any(app_service::token))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn(guard))
        .with_state(state)
}

/// A page whose name was made to resolve to loopback could send any header, but no loopback `Host`.
async fn guard(request: Request, next: Next) -> Response {
    if !has_loopback_host(request.headers()) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let mut response = next.run(request).await;
    set(response.headers_mut(), &[("cache-control", "no-store, no-cache"), ("pragma", "no-cache")]);
    response
}

/// A token for an identity.
struct Issued {
    claims: Claims,
    token: String,
}

/// Why there is no token for an identity.
enum Denied {
    /// The directory has no such identity.
    UnknownIdentity,
    /// Entra says no to the identity; its answer is passed on.
    Refused(Refusal),
    /// The token could not be made.
    Failed,
}

/// Issues a token. Whoever reaches the listener is taken for a workload on the machine, as in Azure.
fn issue(
    state: &AppState,
    directory: &Directory,
    name: IdentityName<'_>,
    requested: &str,
    context: &Context,
) -> Result<Issued, Denied> {
    let (tenant, identity) = directory.managed_identity(name).ok_or(Denied::UnknownIdentity)?;
    let client = tenant.principal(identity.client_id).ok_or(Denied::UnknownIdentity)?;
    let resource = judgement::resource(tenant, &client.application, requested).map_err(Denied::Refused)?;
    let authentication = ClientAuthentication::Certificate;
    let grant = Grant { tenant, client, resource, requested, authentication, capabilities: Vec::new() };
    let mut claims = grant.claims(state.origin.canonical(), context);
    claims.regular.exp = context.now.as_second() + LIFE;
    let json = serde_json::to_vec(&claims).map_err(|_| Denied::Failed)?;
    let live = state.tenants.tenant(tenant.id).ok_or(Denied::Failed)?;
    let token = live.keys.snapshot().current().sign(grant.version(), &json).map_err(|_| Denied::Failed)?;
    tracing::info!(
        client_id = %identity.client_id,
        resource = %resource.application.client_id,
        roles = claims.regular.roles.len(),
        trace_id = %context.trace_id,
        "issued a token to a managed identity"
    );
    Ok(Issued { claims: claims.regular, token })
}

/// How the parameters name an identity: by one id at most.
fn named<'p>(
    parameters: &'p [(String, String)],
    resource_id: &[&str],
) -> Result<IdentityName<'p>, TooManyNames> {
    let mut names = parameters.iter().filter_map(|(name, value)| match name.as_str() {
        "client_id" => Some(IdentityName::ClientId(value)),
        // `principal_id` is App Service's other word for it.
        "object_id" | "principal_id" => Some(IdentityName::ObjectId(value)),
        name if resource_id.contains(&name) => Some(IdentityName::ResourceId(value)),
        _ => None,
    });
    match (names.next(), names.next()) {
        (name, None) => Ok(name.unwrap_or(IdentityName::Default)),
        _ => Err(TooManyNames),
    }
}

struct TooManyNames;

/// The pairs of a query.
fn parameters(query: Option<&str>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// The value of a parameter; an empty one counts as absent.
fn value<'p>(parameters: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let found = parameters.iter().find(|(other, _)| other == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// The only value of a header.
fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}
