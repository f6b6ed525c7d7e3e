//! The managed identity endpoint of App Service and Azure Functions.
//!
//! A workload finds it in `IDENTITY_ENDPOINT` and authenticates with `IDENTITY_HEADER`.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use entra_shared::ids::ClientId;
use http::{Method, StatusCode};
use serde::Serialize;
use uuid::Uuid;

use super::{Denied, Issued, MachineState};
use crate::context::Context;
use crate::credentials::SecretHash;
use crate::journal::Reason;

/// The only version of the endpoint.
const VERSION: &str = "2019-08-01";

/// A response, with members in the order of Microsoft's example. The number is a string.
#[derive(Serialize)]
struct Answer {
    access_token: String,
    expires_on: String,
    resource: String,
    token_type: &'static str,
    client_id: ClientId,
}

pub(super) async fn token(State(state): State<MachineState>, context: Context, request: Request) -> Response {
    let refuse = |status: StatusCode, message: &'static str| {
        let mut response = refusal(status, message, context.trace_id);
        response.extensions_mut().insert(Reason::Said(message));
        response
    };
    if request.method() != Method::GET {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let proven = super::header(request.headers(), "x-identity-header")
        .is_some_and(|value| SecretHash::from_secret(value).matches(&state.identity_header));
    if !proven {
        return refuse(StatusCode::UNAUTHORIZED, "X-IDENTITY-HEADER is missing or wrong.");
    }
    let parameters = super::parameters(request.uri().query());
    if super::value(&parameters, "api-version") != Some(VERSION) {
        return refuse(StatusCode::BAD_REQUEST, "The api-version is missing or not 2019-08-01.");
    }
    let Some(resource) = super::value(&parameters, "resource") else {
        return refuse(StatusCode::BAD_REQUEST, "The resource parameter is missing.");
    };
    let Ok(name) = super::named(&parameters) else {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Only one of client_id, principal_id, mi_res_id may be specified.",
        );
    };
    match super::issue(&state.app, name, resource, &context) {
        Ok(Issued { claims, token, noted, .. }) => (
            noted,
            Json(Answer {
                access_token: token,
                expires_on: claims.exp.to_string(),
                resource: resource.to_owned(),
                token_type: "Bearer",
                client_id: claims.azp.or(claims.appid).unwrap_or_else(|| claims.oid.as_uuid().into()),
            }),
        )
            .into_response(),
        Err(Denied::UnknownIdentity) => refuse(
            StatusCode::BAD_REQUEST,
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        ),
        Err(Denied::Refused(refusal)) => {
            let reason = Extension(Reason::Refused { aadsts: refusal.code(), hint: refusal.hint() });
            let text = format!("AADSTS{}: {refusal}", refusal.code());
            (reason, self::refusal(StatusCode::BAD_REQUEST, &text, context.trace_id)).into_response()
        }
        Err(Denied::Failed) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Returns the response to an injected error; its text is assumed.
pub(super) fn failure(status: StatusCode, context: &Context) -> Response {
    refusal(status, status.canonical_reason().unwrap_or("Error"), context.trace_id)
}

fn refusal(status: StatusCode, message: &str, correlation_id: Uuid) -> Response {
    tracing::info!(status = status.as_u16(), message, "refused a token to a managed identity");
    let body = serde_json::json!({
        "statusCode": status.as_u16(), "message": message, "correlationId": correlation_id
    });
    (status, Json(body)).into_response()
}
