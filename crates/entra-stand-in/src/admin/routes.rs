//! The routes of the admin listener, and their OpenAPI description.

use axum::extract::State;
use axum::handler::Handler;
use axum::routing::{MethodRouter, delete, get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{apps, control, credentials, keys, mint, registrations};
use crate::endpoints::AppState;

/// A route with its description and its handler.
struct Route {
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    /// The members of the body, or the parameters of the query, separated by blanks; `?` marks optional ones.
    takes: &'static str,
    /// An example of the body, in JSON.
    example: &'static str,
    status: u16,
    handler: MethodRouter<AppState>,
}

fn with_body<H, T>(
    path: &'static str,
    summary: &'static str,
    (takes, example): (&'static str, &'static str),
    status: u16,
    handler: H,
) -> Route
where
    H: Handler<T, AppState>,
    T: 'static,
{
    Route { method: "POST", path, summary, takes, example, status, handler: post(handler) }
}

fn with_query(
    method: &'static str,
    path: &'static str,
    summary: &'static str,
    takes: &'static str,
    handler: MethodRouter<AppState>,
) -> Route {
    let status = if method == "DELETE" { 204 } else { 200 };
    Route { method, path, summary, takes, example: "", status, handler }
}

const TENANT: (&str, &str) = ("tenant?", r#"{"tenant":"8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20"}"#);
const KEY: (&str, &str) =
    ("kid tenant?", r#"{"kid":"KEY-ID","tenant":"8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20"}"#);
const GRANT: (&str, &str) = (
    "client_id resource role",
    r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","resource":"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4","role":"Resource.Read"}"#,
);
const CERTIFICATE: (&str, &str) = (
    "client_id certificate",
    r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","certificate":"-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n"}"#,
);

fn tenant_routes() -> Vec<Route> {
    vec![
        with_query("GET", "/health", "Answers 200 while it serves.", "", get(|| async { StatusCode::OK })),
        with_body(
            "/tokens",
            "Mints a token with any claims; `null` removes one. With `kid`, that key signs, even if it was removed. Gives \
             `access_token`.",
            (
                "client_id resource tenant? claims? kid?",
                r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","resource":"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4","claims":{"roles":["Resource.Read"],"uti":null}}"#,
            ),
            200,
            mint,
        ),
        with_query(
            "GET",
            "/ca.pem",
            "Gives the certificate authority that clients must trust, in PEM.",
            "",
            get(async |State(state): State<AppState>| state.reach.ca_certificate_pem.clone()),
        ),
        with_query(
            "GET",
            "/tenants",
            "Lists `tenants`, the directory's first one first: each has `id`, `instance`, `issuer`, `token_endpoint`, \
             `openid_configuration`, `jwks_uri` and its APIs as `applications`, by name.",
            "",
            get(registrations::tenants),
        ),
        with_body(
            "/tenants",
            "Makes a tenant with keys of its own. Gives what `GET /tenants` lists of it. Of more than a \
             thousand, the one that was used the longest ago is forgotten.",
            ("", "{}"),
            201,
            registrations::tenant,
        ),
        with_query(
            "DELETE",
            "/tenants/{tenant}",
            "Removes a tenant that was made here.",
            "",
            delete(registrations::remove),
        ),
    ]
}

fn app_routes() -> Vec<Route> {
    vec![
        with_body(
            "/tenants/{tenant}/applications",
            "Registers an API. `token_lifetime_seconds` is a number, or a list of the least and the most. Gives `client_id` \
             and `app_id_uri`.",
            (
                "name roles? identifier_uris? token_version? token_lifetime_seconds? idtyp? use_guid? assignment_required?",
                r#"{"name":"orders","roles":["Orders.Read"],"identifier_uris":["https://orders.contoso.com"],"token_version":"2.0","token_lifetime_seconds":[3600,5400],"idtyp":true,"use_guid":false,"assignment_required":false}"#,
            ),
            201,
            apps::application,
        ),
        with_body(
            "/tenants/{tenant}/applications/change",
            "Changes an API: roles and URIs are added to those that are there, and other members that are absent or \
             `null` stay as they are. All changes are made, or none.",
            (
                "client_id roles? identifier_uris? token_version? token_lifetime_seconds? idtyp? use_guid? assignment_required?",
                r#"{"client_id":"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4","roles":["Orders.Write"],"token_lifetime_seconds":3600}"#,
            ),
            204,
            apps::change_application,
        ),
        with_body(
            "/tenants/{tenant}/clients",
            "Registers a client with a secret that lasts for two years, and the listed secrets: each has `start`? and `end`? \
             (RFC 3339) or `known_after_seconds`?, before which it is a wrong one. A certificate is PEM, or DER in base64. \
             Gives `client_id`, `client_secret`, `key_id`, `object_id` and `secrets`, in the order of the request.",
            (
                "name secrets? certificates? federated? public?",
                r#"{"name":"caller","secrets":[{"end":"2100-01-01T00:00:00Z"},{"known_after_seconds":60}],"certificates":[],"federated":[{"issuer":"https://idp.contoso.com","subject":"build","audience":"api://AzureADTokenExchange"}],"public":false}"#,
            ),
            201,
            apps::client,
        ),
    ]
}

fn credential_routes() -> Vec<Route> {
    vec![
        with_body(
            "/tenants/{tenant}/secrets",
            "Adds a client secret. Gives `key_id` and `client_secret`.",
            (
                "client_id start? end? known_after_seconds?",
                r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","end":"2100-01-01T00:00:00Z"}"#,
            ),
            201,
            credentials::add_secret,
        ),
        with_body(
            "/tenants/{tenant}/secrets/remove",
            "Removes a client secret.",
            (
                "client_id key_id",
                r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","key_id":"5a1d3f0c-8e27-4b96-a4c1-7f20d9e6b358"}"#,
            ),
            204,
            credentials::remove_secret,
        ),
        with_body(
            "/tenants/{tenant}/certificates",
            "Adds a certificate: PEM, or DER in base64.",
            CERTIFICATE,
            204,
            credentials::add_certificate,
        ),
        with_body(
            "/tenants/{tenant}/certificates/remove",
            "Removes a certificate.",
            CERTIFICATE,
            204,
            credentials::remove_certificate,
        ),
        with_body(
            "/tenants/{tenant}/federated",
            "Adds a federated credential.",
            (
                "client_id issuer subject audience",
                r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","issuer":"https://idp.contoso.com","subject":"build","audience":"api://AzureADTokenExchange"}"#,
            ),
            204,
            credentials::add_federated,
        ),
        with_body(
            "/tenants/{tenant}/federated/remove",
            "Removes a federated credential.",
            (
                "client_id issuer subject",
                r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","issuer":"https://idp.contoso.com","subject":"build"}"#,
            ),
            204,
            credentials::remove_federated,
        ),
    ]
}

fn grant_routes() -> Vec<Route> {
    vec![
        with_body(
            "/tenants/{tenant}/requests",
            "Lets a client request an API's role, which grants it nothing.",
            GRANT,
            204,
            registrations::request,
        ),
        with_body(
            "/tenants/{tenant}/grants",
            "Grants a client an API's role.",
            GRANT,
            204,
            registrations::grant,
        ),
        with_body(
            "/tenants/{tenant}/grants/revoke",
            "Revokes a grant; tokens that were issued keep the role.",
            GRANT,
            204,
            registrations::revoke,
        ),
        with_body(
            "/tenants/{tenant}/roles/disable",
            "Disables an API's role; existing grants stay.",
            (
                "client_id role",
                r#"{"client_id":"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4","role":"Resource.Read"}"#,
            ),
            204,
            registrations::disable_role,
        ),
        with_body(
            "/tenants/{tenant}/enabled",
            "Enables or disables a client or an API.",
            ("client_id enabled", r#"{"client_id":"3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813","enabled":true}"#),
            204,
            registrations::enabled,
        ),
    ]
}

fn key_routes() -> Vec<Route> {
    vec![
        with_query(
            "GET",
            "/keys",
            "Lists the signing keys: `keys`, each with `kid` and `state`.",
            "tenant?",
            get(keys::list),
        ),
        with_body(
            "/keys/announce",
            "Publishes a key that signs nothing yet. Gives `kid`.",
            TENANT,
            200,
            keys::announce,
        ),
        with_body("/keys/promote", "Signs with a published key from now on.", KEY, 204, keys::promote),
        with_body(
            "/keys/retire",
            "Never signs with the key again; it stays published.",
            KEY,
            204,
            keys::retire,
        ),
        with_body("/keys/remove", "No longer publishes the key.", KEY, 204, keys::remove),
        with_body("/keys/restore", "Publishes a removed key again.", KEY, 204, keys::restore),
        with_body("/keys/emergency", "Replaces all keys at once.", TENANT, 204, keys::emergency),
        with_body("/keys/roll", "Announces a key and promotes it.", TENANT, 204, keys::roll),
        with_body(
            "/keys/custom",
            "Signs an API's tokens with a key that is published for that API alone (`?appid=`). Gives `kid`.",
            ("client_id tenant?", r#"{"client_id":"b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4"}"#),
            200,
            keys::custom,
        ),
        with_body(
            "/keys/other-issuer",
            "Publishes a key whose `issuer` is another tenant's, or withdraws it. It signs only tokens minted with its `kid`, \
             which no API may accept. Gives `kid`.",
            ("publish tenant?", r#"{"publish":true}"#),
            200,
            keys::other_issuer,
        ),
    ]
}

fn control_routes() -> Vec<Route> {
    vec![
        with_body(
            "/managed-identities/forget",
            "Forgets the tokens of managed identities, which are handed out again for a day otherwise.",
            TENANT,
            204,
            control::forget_identity_tokens,
        ),
        with_body(
            "/faults",
            "Answers the next requests to an endpoint (`token`, `discovery_v1`, `discovery_v2`, `keys`, `instance`, \
             `managed_identity`) with the faults of a script, one for each. A fault is `status` (with \
             `retry_after_seconds`?, `plain_text`?), `latency` (`milliseconds`, ten minutes at most, `then`?), `answer` \
             (`status`, `headers`, `body`), `content_type`, `none`, `truncated`, `reset`, `hang`, `wrong_issuer`, \
             `empty_key_set` or `broken_key_set`. `throttle` (`requests`, `window_seconds`) stays until another script.",
            (
                "endpoint script tenant?",
                r#"{"endpoint":"token","script":[{"kind":"status","status":503,"retry_after_seconds":2},{"kind":"latency","milliseconds":200}]}"#,
            ),
            204,
            control::faults,
        ),
        with_body(
            "/clock",
            "Moves the tenant's clock, by exactly one of the members but `tenant`. Gives `now`.",
            (
                "advance_seconds? rewind_seconds? set? freeze? resume? reset? tenant?",
                r#"{"advance_seconds":3600,"tenant":"8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20"}"#,
            ),
            200,
            control::clock,
        ),
        with_query(
            "GET",
            "/journal",
            "Lists the requests, of one tenant or of all: `count` and `entries`. `within_seconds` is the time just past by \
             the machine's clock. Another number than from `least` to `most` is answered with 409, which has `expected`; \
             with `most_within_seconds`, the number is the most that came within any time of that length.",
            "tenant? endpoint? client_id? within_seconds? least? most? most_within_seconds?",
            get(control::journal),
        ),
        with_query("DELETE", "/journal", "Clears the journal.", "tenant?", delete(control::clear_journal)),
        with_query(
            "GET",
            "/bad-tokens",
            "Lists `tokens` that no API may accept, each with what is wrong and what to answer.",
            "client_id resource tenant?",
            get(control::bad_tokens),
        ),
        with_query(
            "GET",
            "/good-tokens",
            "Lists `tokens` that are odd and valid.",
            "client_id resource tenant?",
            get(control::good_tokens),
        ),
    ]
}

/// Returns the routes, with `GET /`, which lists them, and `GET /openapi.json`.
pub(super) fn router() -> Router<AppState> {
    let parts = [tenant_routes, app_routes, credential_routes, grant_routes, key_routes, control_routes];
    let routes: Vec<Route> = parts.into_iter().flat_map(|part| part()).collect();
    let names: Vec<String> = routes.iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    let (list, description) = (json!({ "routes": names }), description(&routes));
    let own = Router::new()
        .route("/", get(async || Json(list)))
        .route("/openapi.json", get(async || Json(description)));
    routes.into_iter().fold(own, |router, route| router.route(route.path, route.handler))
}

/// Describes the routes in OpenAPI 3.1. The schema of a body is as exact as its example.
fn description(routes: &[Route]) -> Value {
    let mut paths = Map::new();
    for route in routes {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(path) = path.as_object_mut() {
            path.insert(route.method.to_lowercase(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "Admin listener of the stand-in for Entra ID", "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
    })
}

fn operation(route: &Route) -> Value {
    let members =
        route.takes.split_whitespace().map(|name| (name.trim_end_matches('?'), !name.ends_with('?')));
    let of_path = route.path.contains("{tenant}").then(|| parameter("tenant", "path", true));
    let problem = json!({ "description": "What is wrong.", "content": { "application/problem+json": {} } });
    let (responses, summary) =
        (json!({ route.status.to_string(): { "description": "Done." }, "4XX": problem }), route.summary);
    if route.method != "POST" {
        let of_query = members.map(|(name, required)| parameter(name, "query", required));
        let parameters: Vec<Value> = of_path.into_iter().chain(of_query).collect();
        return json!({ "summary": summary, "parameters": parameters, "responses": responses });
    }
    let example: Value = serde_json::from_str(route.example).unwrap_or_default();
    let properties: Map<String, Value> =
        members.clone().map(|(name, _)| (name.to_owned(), schema(example.get(name)))).collect();
    let required: Vec<&str> = members.filter(|(_, required)| *required).map(|(name, _)| name).collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    let body = json!({ "application/json": { "schema": schema, "example": example } });
    json!({
        "summary": summary,
        "parameters": of_path.into_iter().collect::<Vec<_>>(),
        "requestBody": { "required": true, "content": body },
        "responses": responses,
    })
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

/// Returns the schema of a member by its example; without one, any value fits.
fn schema(example: Option<&Value>) -> Value {
    match example {
        Some(Value::String(_)) => json!({ "type": "string" }),
        Some(Value::Bool(_)) => json!({ "type": "boolean" }),
        Some(Value::Object(_)) => json!({ "type": "object" }),
        // A lifetime is a number or a list.
        _ => json!({}),
    }
}
