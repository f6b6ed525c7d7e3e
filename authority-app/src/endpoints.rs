//! Entra's endpoints, and nothing beside them.

mod addressed;
mod discovery;
mod instance_discovery;
mod judgement;
mod key_set;
pub(crate) mod managed_identity;
mod tenant;
mod token;
mod token_request;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use shared::azure_ad::Instance;

use crate::context::{CLIENT_REQUEST_ID, Context};
use crate::credentials::Authenticator;
use crate::directory::Directory;
use crate::errors::Refusal;
use crate::faults::{self, Envelope, Fault, in_entras_envelope};
use crate::journal::Reason;
use crate::origin::Origin;
use crate::tenant::Reach;
use crate::tenants::Tenants;
use addressed::Addressed;

/// What the endpoints answer from.
#[derive(Debug, Clone)]
pub(crate) struct AppState {
    pub(crate) tenants: Arc<Tenants>,
    pub(crate) origin: Arc<Origin>,
    pub(crate) directory: Arc<Directory>,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) reach: Arc<Reach>,
}

/// The routes. Every answer has the headers that Entra gives to all of them.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/token", any(token::v1))
        .route("/{tenant}/oauth2/v2.0/token", any(token::v2))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::v1).options(allowed))
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::v2).options(allowed))
        .route("/{tenant}/discovery/keys", get(key_set::v1).options(allowed))
        .route("/{tenant}/discovery/v2.0/keys", get(key_set::v2).options(allowed))
        .route("/common/discovery/instance", get(instance_discovery::get).options(allowed))
        .fallback(|| async { StatusCode::NOT_FOUND })
        .layer(middleware::from_fn_with_state(state.clone(), identify))
        .with_state(state)
}

/// Gives a request its ids, and its answer the headers that tell them.
///
/// Of Entra's headers, `Strict-Transport-Security` is left out: browsers would apply it to every port of localhost.
async fn identify(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let addressed = Addressed::by(&mut request, &state).await;
    let context = Context::new(request.headers(), addressed.now());
    let instance = state.origin.of(request.headers());
    request.extensions_mut().insert(context);
    request.extensions_mut().insert(BaseUrl(instance));
    let fault = addressed.fault(context.now);
    let record = addressed.recording(context, fault.as_ref());
    let unread = fault.as_ref().is_some_and(Fault::leaves_unread);
    let caller = if unread { token_request::caller(&mut request).await } else { None };
    let envelope = (in_entras_envelope as Envelope, &context);
    let mut response = faults::answer(fault.as_ref(), envelope, next.run(request)).await;
    if let Some(caller) = caller {
        response.extensions_mut().insert(caller);
    }
    record.answered(&response);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(context.trace_id.to_string()) {
        headers.insert("x-ms-request-id", id);
    }
    if let Some(Ok(id)) = context.client_request_id.map(|id| HeaderValue::try_from(id.to_string())) {
        headers.insert(CLIENT_REQUEST_ID, id);
    }
    set(headers, &[("x-ms-ests-server", "2.1.0 - LOCAL ProdSlices"), ("x-xss-protection", "0")]);
    set(headers, &[("x-content-type-options", "nosniff"), ("p3p", r#"CP="DSP CUR OTPi IND OTRi ONL FIN""#)]);
    if headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind == "application/json") {
        set(headers, &[("content-type", "application/json; charset=utf-8")]);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        set(headers, &[("cache-control", "no-store, no-cache"), ("pragma", "no-cache"), ("expires", "-1")]);
    }
    response
}

/// The base URL by which the client knows the stand-in.
#[derive(Debug, Clone)]
struct BaseUrl(Instance);

/// An answer that anybody may read and keep for a day, as Entra's discovery documents are.
fn public(body: impl serde::Serialize) -> Response {
    let mut response = axum::Json(body).into_response();
    set(response.headers_mut(), &[("cache-control", "max-age=86400, private")]);
    allow_other_origins(response.headers_mut());
    response
}

/// What a browser asks before a page of another origin may read a document.
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

/// A refusal of anything but a token; refused token requests say more in the log.
fn refuse(refusal: Refusal, context: &Context) -> Response {
    tracing::info!(aadsts = refusal.code(), trace_id = %context.trace_id, "refused");
    let aadsts = refusal.code();
    let mut response = refusal.into_response(context);
    response.extensions_mut().insert(Reason::Refused { aadsts, hint: None });
    response
}
