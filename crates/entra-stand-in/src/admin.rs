//! The admin listener: offers the Rust API's test controls to other processes, over HTTP.
//!
//! Plain http on a loopback address. Web pages in a browser on this machine must not be able to use it. It therefore
//! refuses requests with an `Origin` or a cross-site `Sec-Fetch-Site`, `POST`s without a JSON body (which need a CORS
//! preflight), and any `Host` that is not loopback (DNS rebinding).
//!
//! The routes, which `GET /` lists as well. `tenant` is an id; where it may be absent, it is the directory's first.
//!
//! | route | takes | gives |
//! |---|---|---|
//! | `GET /health` | | 200 while it serves |
//! | `POST /tokens` | `client_id`, `resource`, `tenant`?, `claims`? | 200 `access_token`, with any claims |
//! | `POST /tenants` | `{}` | 201 the new tenant's `id`, `instance`, `issuer`, `token_endpoint`; of more than a thousand, the one used the longest ago is forgotten |
//! | `DELETE /tenants/{tenant}` | | 204; 404 for one that no test made |
//! | `POST /tenants/{tenant}/applications` | `name`, `roles`?, `identifier_uris`?, `token_version`?, `token_lifetime_seconds`?, `idtyp`?, `use_guid`?, `assignment_required`? | 201 `client_id`, `app_id_uri` |
//! | `POST /tenants/{tenant}/applications/change` | `client_id`, and any of the others but `name` | 204; roles and URIs come to those that are there |
//! | `POST /tenants/{tenant}/clients` | `name`, `secrets`?, `certificates`?, `federated`?, `public`?; see below | 201 `client_id`, `client_secret`, `key_id`, `object_id`, `secrets` |
//! | `POST /tenants/{tenant}/secrets` | `client_id`, and a secret as below | 201 `key_id`, `client_secret` |
//! | `POST /tenants/{tenant}/secrets/remove` | `client_id`, `key_id` | 204 |
//! | `POST /tenants/{tenant}/certificates` | `client_id`, `certificate` | 204 |
//! | `POST /tenants/{tenant}/certificates/remove` | `client_id`, `certificate` | 204 |
//! | `POST /tenants/{tenant}/federated` | `client_id`, `issuer`, `subject`, `audience` | 204 |
//! | `POST /tenants/{tenant}/federated/remove` | `client_id`, `issuer`, `subject` | 204 |
//! | `POST /tenants/{tenant}/requests` | as `grants` | 204; the client asks for the role, which gives it nothing |
//! | `POST /tenants/{tenant}/grants` | `client_id`, `resource` (a client id), `role` | 204 |
//! | `POST /tenants/{tenant}/grants/revoke` | as `grants` | 204; tokens that were issued keep the role |
//! | `POST /tenants/{tenant}/roles/disable` | `client_id` of an API, `role` | 204; who has the role keeps it |
//! | `POST /tenants/{tenant}/enabled` | `client_id` of a client or an API, `enabled` | 204 |
//! | `GET /keys?tenant=` | | 200 `keys`: each `kid` with its `state` |
//! | `POST /keys/announce` | `tenant`? | 200 `kid` of a key that is published and signs nothing yet |
//! | `POST /keys/promote` | `kid`, `tenant`? | 204; the key signs from now on |
//! | `POST /keys/retire` | `kid`, `tenant`? | 204; the key stays published and never signs again |
//! | `POST /keys/remove` | `kid`, `tenant`? | 204; the key is no longer published |
//! | `POST /keys/restore` | `kid`, `tenant`? | 204; a removed key is published again |
//! | `POST /keys/emergency` | `tenant`? | 204; all keys are replaced at once |
//! | `POST /keys/roll` | `tenant`? | 204; announces a key and promotes it |
//! | `POST /faults` | `endpoint`, `script`, `tenant`? | 204; `endpoint` is `token`, `discovery_v1`, `discovery_v2`, `keys`, `instance` or `managed_identity`; see below |
//! | `POST /clock` | exactly one of `advance_seconds`, `rewind_seconds`, `set`, `freeze`, `resume`, `reset`; `tenant`? | 200 `now` |
//! | `GET /journal?tenant=&endpoint=&client_id=&within_seconds=` | `least`?, `most`?, `most_within_seconds`? | 200 `count` and `entries`; without `tenant`, those of every tenant; within the time just past by the machine's clock; see below |
//! | `DELETE /journal?tenant=` | | 204 |
//! | `GET /bad-tokens?client_id=&resource=&tenant=` | | 200 `tokens`, each with what is wrong and what to answer |
//! | `GET /good-tokens?client_id=&resource=&tenant=` | | 200 `tokens`, each odd and valid |
//!
//! A client has a secret that lasts for two years, `client_secret`, and those of `secrets`, whose values are in the
//! answer in the same order: each an object with `start`? and `end`? (RFC 3339), or `known_after_seconds`?, before which
//! it is a wrong one. A certificate is PEM, or its DER in base64. `federated` lists objects with `issuer`, `subject`, `audience`.
//! `token_lifetime_seconds` is a number, or a list of the least and the most, between which each token has its own;
//! `applications/change` keeps the one there is where it is absent or `null`.
//! An app is made, or changed, with all that is asked for, or not at all.
//!
//! `least` and `most` are what a test expects: another number of entries is answered with 409, which has `expected` as
//! well. With `most_within_seconds`, the number is the most that came within any time of that length.
//!
//! A script is a list of faults, one for each request: `{"kind":"status","status":503,"retry_after_seconds":2}`,
//! `{"kind":"status","status":429,"plain_text":true}`, `{"kind":"latency","milliseconds":200}` (ten minutes at most) with
//! an optional fault `then`, `{"kind":"answer","status":302,"headers":{"location":"…"},"body":"…"}` for any answer of 200
//! to 599, or one of the kinds `none`, `truncated`, `reset`, `hang`, `wrong_issuer`, `empty_key_set`, `broken_key_set`,
//! and `content_type` with a `content_type`. `{"kind":"throttle","requests":5,"window_seconds":60}` stays, until another
//! script takes its place: 429 for what comes beyond so many requests within the time just past, by the tenant's clock.

mod apps;
mod body;
mod control;
mod credentials;
mod keys;
mod one_at_a_time;
mod registrations;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Extension, Json, Router};
use entra_shared::ids::TenantId;
use entra_shared::loopback::has_loopback_host;
use entra_shared::problem::Problem;
use http::{HeaderMap, Method, StatusCode, header};
use serde::Serialize;

use crate::endpoints::AppState;
use crate::mint::MintRequest;
use crate::tenants::LiveTenant;
use body::Body;
use one_at_a_time::OneAtATime;

/// The response to `GET /`.
const ROUTES: &[&str] = &[
    "GET /health",
    "POST /tokens",
    "POST /tenants",
    "DELETE /tenants/{tenant}",
    "POST /tenants/{tenant}/applications",
    "POST /tenants/{tenant}/applications/change",
    "POST /tenants/{tenant}/clients",
    "POST /tenants/{tenant}/secrets",
    "POST /tenants/{tenant}/secrets/remove",
    "POST /tenants/{tenant}/certificates",
    "POST /tenants/{tenant}/certificates/remove",
    "POST /tenants/{tenant}/federated",
    "POST /tenants/{tenant}/federated/remove",
    "POST /tenants/{tenant}/requests",
    "POST /tenants/{tenant}/grants",
    "POST /tenants/{tenant}/grants/revoke",
    "POST /tenants/{tenant}/roles/disable",
    "POST /tenants/{tenant}/enabled",
    "GET /keys",
    "POST /keys/announce",
    "POST /keys/promote",
    "POST /keys/retire",
    "POST /keys/remove",
    "POST /keys/restore",
    "POST /keys/emergency",
    "POST /keys/roll",
    "POST /keys/custom",
    "POST /managed-identities/forget",
    "POST /faults",
    "POST /clock",
    "GET /journal",
    "DELETE /journal",
    "GET /bad-tokens",
    "GET /good-tokens",
];

/// The routes.
pub(crate) fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(|| async { Json(serde_json::json!({ "routes": ROUTES })) }))
        .route("/health", get(|| async { StatusCode::OK }))
        .route("/tokens", post(mint))
        .route("/tenants", post(registrations::tenant))
        .route("/tenants/{tenant}", delete(registrations::remove))
        .route("/tenants/{tenant}/applications", post(apps::application))
        .route("/tenants/{tenant}/applications/change", post(apps::change_application))
        .route("/tenants/{tenant}/clients", post(apps::client))
        .route("/tenants/{tenant}/secrets", post(credentials::add_secret))
        .route("/tenants/{tenant}/secrets/remove", post(credentials::remove_secret))
        .route("/tenants/{tenant}/certificates", post(credentials::add_certificate))
        .route("/tenants/{tenant}/certificates/remove", post(credentials::remove_certificate))
        .route("/tenants/{tenant}/federated", post(credentials::add_federated))
        .route("/tenants/{tenant}/federated/remove", post(credentials::remove_federated))
        .route("/tenants/{tenant}/requests", post(registrations::request))
        .route("/tenants/{tenant}/grants", post(registrations::grant))
        .route("/tenants/{tenant}/grants/revoke", post(registrations::revoke))
        .route("/tenants/{tenant}/roles/disable", post(registrations::disable_role))
        .route("/tenants/{tenant}/enabled", post(registrations::enabled))
        .route("/keys", get(keys::list))
        .route("/keys/announce", post(keys::announce))
        .route("/keys/promote", post(keys::promote))
        .route("/keys/retire", post(keys::retire))
        .route("/keys/remove", post(keys::remove))
        .route("/keys/restore", post(keys::restore))
        .route("/keys/emergency", post(keys::emergency))
        .route("/keys/roll", post(keys::roll))
        .route("/keys/custom", post(keys::custom))
        .route("/managed-identities/forget", post(control::forget_identity_tokens))
        .route("/faults", post(control::faults))
        .route("/clock", post(control::clock))
        .route("/journal", get(control::journal).delete(control::clear_journal))
        .route("/bad-tokens", get(control::bad_tokens))
        .route("/good-tokens", get(control::good_tokens))
        .layer(Extension(OneAtATime::default()))
        .layer(middleware::from_fn(guard))
        .with_state(state)
}

#[derive(Serialize)]
struct Minted {
    access_token: String,
}

async fn mint(State(state): State<AppState>, Body(request): Body<MintRequest>) -> Response {
    match request.mint(&state.tenants, state.origin.canonical()) {
        Ok(token) => {
            tracing::info!(client_id = %request.client_id, "minted a token");
            never_stored(Json(Minted { access_token: token.expose().to_owned() }))
        }
        Err(error) => invalid(error.to_string()),
    }
}

/// A response that contains tokens or secrets.
fn never_stored(body: impl IntoResponse) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], body).into_response()
}

/// Returns the tenant that a request names, or the first one.
fn tenant(state: &AppState, id: Option<TenantId>) -> Result<Arc<LiveTenant>, Box<Response>> {
    let found = id.map_or_else(|| Some(Arc::clone(state.tenants.first())), |id| state.tenants.tenant(id));
    found.ok_or_else(|| Box::new(unknown_tenant()))
}

fn unknown_tenant() -> Response {
    problem(StatusCode::NOT_FOUND, "tenant_unknown", "there is no such tenant".to_owned())
}

fn invalid(detail: String) -> Response {
    problem(StatusCode::BAD_REQUEST, "request_invalid", detail)
}

/// Refuses requests that a browser sent for a web page.
async fn guard(request: Request, next: Next) -> Response {
    if !has_loopback_host(request.uri(), request.headers()) {
        let text = "the Host is not localhost, 127.0.0.1 or [::1]".to_owned();
        return problem(StatusCode::FORBIDDEN, "host_refused", text);
    }
    if is_of_a_page(request.headers()) {
        let text = "the request comes from a web page".to_owned();
        return problem(StatusCode::FORBIDDEN, "origin_refused", text);
    }
    if request.method() == Method::POST && !is_json(request.headers()) {
        let text = "send Content-Type: application/json".to_owned();
        return problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "json_required", text);
    }
    next.run(request).await
}

/// Whether browser headers show that a web page sent the request (<https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>).
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let mut sites = headers.get_all("sec-fetch-site").iter();
    headers.contains_key(header::ORIGIN) || sites.any(|site| site != "none" && site != "same-origin")
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn problem(status: StatusCode, code: &'static str, detail: String) -> Response {
    Problem::new(status, code).detail(detail).into_response().map(Into::into)
}

fn failed(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "a request to the admin listener failed");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "failed", "the log says why".to_owned())
}
