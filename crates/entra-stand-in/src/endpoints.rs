//! Serves Entra's endpoints.

mod addressed;
mod discovery;
mod identify;
mod identity_query;
mod instance_discovery;
mod judgement;
mod key_set;
pub(crate) mod managed_identity;
mod tenant;
mod token;
mod token_request;
mod token_response;

use std::ops::Deref;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use entra_shared::azure_ad::Instance;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tower::layer::layer_fn;

use crate::context::Context;
use crate::credentials::Authenticator;
use crate::directory::Directory;
use crate::endpoint;
use crate::errors::Refusal;
use crate::journal::Reason;
use crate::origin::Origin;
use crate::tenant::Reach;
use crate::tenants::Tenants;
use identify::Identify;

/// The shared state of the endpoints, behind one pointer since each request clones it several times.
#[derive(Debug, Clone)]
pub(crate) struct AppState(Arc<Parts>);

/// The parts of [`AppState`].
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) origin: Origin,
    pub(crate) directory: Directory,
    pub(crate) authenticator: Authenticator,
    pub(crate) reach: Arc<Reach>,
}

impl From<Parts> for AppState {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// Builds the routes. All responses have Entra's common headers.
pub(crate) fn router(state: AppState) -> Router {
    let identifying = state.clone();
    let of_tenant = |paths: [&str; 2]| paths.map(|path| format!("/{{tenant}}/{path}"));
    let [token_v1, token_v2] = of_tenant(endpoint::TOKEN);
    let [discovery_v1, discovery_v2] = of_tenant(endpoint::DISCOVERY);
    let [keys_v1, keys_v2] = of_tenant(endpoint::KEYS);
    Router::new()
        .route(&token_v1, any(token::v1))
        .route(&token_v2, any(token::v2))
        .route(&discovery_v1, get(discovery::v1).options(allowed))
        .route(&discovery_v2, get(discovery::v2).options(allowed))
        .route(&keys_v1, get(key_set::v1).options(allowed))
        .route(&keys_v2, get(key_set::v2).options(allowed))
        .route(endpoint::INSTANCE, get(instance_discovery::get).options(allowed))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(layer_fn(move |route| Identify::new(route, identifying.clone())))
        .with_state(state)
}

/// The base URL that the client used.
#[derive(Debug, Clone)]
struct BaseUrl(Instance);

/// Reads a body of at most so many bytes; one that is announced longer is refused before any of it arrives.
pub(crate) async fn read_body(body: Body, most: usize) -> Option<Bytes> {
    if body.size_hint().lower() > most as u64 {
        return None;
    }
    axum::body::to_bytes(body, most).await.ok()
}

/// Builds a response that any web page may read and cache for a day, like Entra's discovery documents.
fn public(body: impl serde::Serialize) -> Response {
    let mut response = axum::Json(body).into_response();
    set(response.headers_mut(), &[("cache-control", "max-age=86400, private")]);
    allow_other_origins(response.headers_mut());
    response
}

/// Responds to the CORS preflight for a document.
async fn allowed() -> Response {
    let mut response = StatusCode::OK.into_response();
    allow_other_origins(response.headers_mut());
    response
}

fn allow_other_origins(headers: &mut HeaderMap) {
    let values = [("access-control-allow-origin", "*"), ("access-control-allow-methods", "GET, OPTIONS")];
    set(headers, &values);
}

fn set(headers: &mut HeaderMap, values: &[(&'static str, &'static str)]) {
    for (name, value) in values {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}

/// Refuses a request other than for a token; the token endpoint logs more.
fn refuse(refusal: Refusal, context: &Context) -> Response {
    tracing::info!(aadsts = refusal.code(), trace_id = %context.trace_id, "refused");
    let aadsts = refusal.code();
    let mut response = refusal.into_response(context);
    response.extensions_mut().insert(Reason::Refused { aadsts, hint: None });
    response
}
