//! The Azure Instance Metadata Service (IMDS) of virtual machines and Kubernetes nodes.
//!
//! The texts for an unknown identity are captured. The others come from Microsoft's documentation, or are assumed if it
//! names only the error.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use entra_shared::ids::ClientId;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use super::{AppState, Denied, Issued};
use crate::context::Context;
use crate::directory::IdentityName;
use crate::journal::Reason;

/// The oldest version with this endpoint; later ones respond alike.
const OLDEST_VERSION: &str = "2018-02-01";

/// The service's `Server` header.
const SERVER: HeaderValue = HeaderValue::from_static("IMDS/150.870.65.0");

/// A response, with members in the service's order. All numbers are strings.
#[derive(Serialize)]
struct Answer {
    access_token: String,
    client_id: ClientId,
    expires_in: String,
    expires_on: String,
    ext_expires_in: String,
    not_before: String,
    resource: String,
    token_type: &'static str,
}

pub(super) async fn token(State(state): State<AppState>, context: Context, request: Request) -> Response {
    let mut response = answer(&state, &context, &request);
    response.headers_mut().insert(header::SERVER, SERVER);
    response
}

fn answer(state: &AppState, context: &Context, request: &Request) -> Response {
    if request.method() != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let parameters = super::parameters(request.uri().query());
    let (name, resource) = match asked(request.headers(), &parameters) {
        Ok(asked) => asked,
        Err((error, text)) => return bad_request(error, text),
    };
    match super::issue(state, name, resource, context) {
        Ok(Issued { claims, token, expires_in, noted }) => (
            noted,
            Json(Answer {
                access_token: token,
                // Both versions name the client in one of the two.
                client_id: claims.azp.or(claims.appid).unwrap_or_else(|| claims.oid.as_uuid().into()),
                expires_in: expires_in.to_string(),
                expires_on: claims.exp.to_string(),
                ext_expires_in: expires_in.to_string(),
                not_before: claims.nbf.to_string(),
                resource: resource.to_owned(),
                token_type: "Bearer",
            }),
        )
            .into_response(),
        Err(Denied::UnknownIdentity) => bad_request("invalid_request", "Identity not found"),
        Err(Denied::Refused(refusal)) => super::super::refuse(refusal, context),
        Err(Denied::Failed) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Returns the identity and the resource of a request, or the `error` and its text.
fn asked<'p>(
    headers: &HeaderMap,
    parameters: &'p [(String, String)],
) -> Result<(IdentityName<'p>, &'p str), (&'static str, &'static str)> {
    let metadata = super::header(headers, "metadata").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    // The service refuses forwarded requests, as a defence against SSRF through a proxy.
    if !metadata || headers.contains_key("x-forwarded-for") {
        return Err(("bad_request_102", "Required metadata header not specified"));
    }
    let invalid = |text| ("invalid_request", text);
    if !super::value(parameters, "api-version").is_some_and(is_version) {
        return Err(invalid("Required api-version parameter not specified or not supported"));
    }
    let resource = super::value(parameters, "resource")
        .ok_or_else(|| invalid("Required audience parameter not specified"))?;
    let name = super::named(parameters)
        .map_err(|_| invalid("Only one of client_id, object_id, msi_res_id may be specified"))?;
    Ok((name, resource))
}

/// Returns whether it is a date since the endpoint exists.
fn is_version(text: &str) -> bool {
    let is_date = text.len() == OLDEST_VERSION.len() && text.parse::<jiff::civil::Date>().is_ok();
    is_date && text >= OLDEST_VERSION
}

fn bad_request(error: &str, error_description: &'static str) -> Response {
    tracing::info!(error, error_description, "refused a token to a managed identity");
    let mut response = body(StatusCode::BAD_REQUEST, error, error_description);
    response.extensions_mut().insert(Reason::Said(error_description));
    response
}

/// Returns the response to an injected error; statuses other than 429 have the documented text of 500.
///
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token#error-handling>
pub(super) fn failure(status: StatusCode, _: &Context) -> Response {
    let (error, text) = match status {
        StatusCode::TOO_MANY_REQUESTS => ("too_many_requests", "Too many requests"),
        _ => ("unknown", "Failed to retrieve token from the Active directory."),
    };
    let mut response = body(status, error, text);
    response.headers_mut().insert(header::SERVER, SERVER);
    response
}

fn body(status: StatusCode, error: &str, error_description: &str) -> Response {
    let body = serde_json::json!({ "error": error, "error_description": error_description });
    (status, Json(body)).into_response()
}
