//! `GET /api/caller`: the identity of the caller, as the API sees it.

use axum::Json;
use axum::response::{IntoResponse, Response};
use entra_shared::azure_ad::Version;
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, ObjectId, TenantId};
use entra_shared::problem::Problem;
use serde::Serialize;
use utoipa::ToSchema;

use crate::policies::DefaultPolicy;
use entra_guard::{Authorized, Caller, Principal};

/// The identity of the caller. Without a token, all members but `source`, `client_id` and `roles` are absent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Caller)]
pub(crate) struct CallerAnswer<'p> {
    /// The origin of the identity.
    source: Source,
    /// The app that the token was issued to.
    #[schema(value_type = Uuid)]
    client_id: ClientId,
    /// The tenant that issued the token.
    #[schema(value_type = Option<Uuid>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant_id: Option<TenantId>,
    /// The app's service principal.
    #[schema(value_type = Option<Uuid>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<ObjectId>,
    /// The app roles that were granted.
    roles: &'p [String],
    /// How the app authenticated to Entra for this token: `public`, `secret` or `certificate`.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    client_authentication: Option<ClientAuthentication>,
    /// The version of the token: `1.0` or `2.0`.
    #[schema(value_type = Option<String>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    token_version: Option<Version>,
}

/// The origin of the caller's identity.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Source {
    /// A validated access token.
    AccessToken,
    /// The request had no token, and the development handler accepted it.
    DevelopmentHandler,
}

impl<'p> From<&'p Principal> for CallerAnswer<'p> {
    fn from(principal: &'p Principal) -> Self {
        let caller = principal.caller();
        Self {
            source: if caller.is_some() { Source::AccessToken } else { Source::DevelopmentHandler },
            client_id: principal.client_id(),
            tenant_id: caller.map(Caller::tenant),
            object_id: caller.map(Caller::object_id),
            roles: caller.map(Caller::roles).unwrap_or_default(),
            client_authentication: caller.and_then(Caller::client_authentication),
            token_version: caller.map(Caller::version),
        }
    }
}

/// Shows the identity of the caller.
#[utoipa::path(
    get,
    path = "/caller",
    operation_id = "readCaller",
    tag = "caller",
    responses(
        (status = 200, body = CallerAnswer<'_>),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn show(authorized: Authorized<DefaultPolicy>) -> Response {
    Json(CallerAnswer::from(authorized.principal())).into_response()
}
