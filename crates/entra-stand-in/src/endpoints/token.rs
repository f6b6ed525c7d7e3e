//! The token endpoints, v1 and v2.
//!
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use entra_shared::azure_ad::{Instance, Version};
use entra_shared::ids::ClientId;
use http::{HeaderValue, Method, StatusCode, header};
use serde::Serialize;

use super::judgement::{Setting, judge};
use super::tenant::TenantSegment;
use super::token_request::TokenRequest;
use super::token_response::{TokenResponseV1, TokenResponseV2};
use super::{AppState, BaseUrl};
use crate::context::Context;
use crate::errors::{Echo, Endpoint, Refusal};
use crate::grant::Grant;
use crate::journal::{Caller, Reason};

pub(super) async fn v1(
    State(state): State<AppState>,
    base: Extension<BaseUrl>,
    tenant: TenantSegment,
    context: Context,
    request: Request,
) -> Response {
    Call { state: &state, version: Version::V1, base: &base.0.0, context }.answer(&tenant, request).await
}

pub(super) async fn v2(
    State(state): State<AppState>,
    base: Extension<BaseUrl>,
    tenant: TenantSegment,
    context: Context,
    request: Request,
) -> Response {
    Call { state: &state, version: Version::V2, base: &base.0.0, context }.answer(&tenant, request).await
}

/// The initial capacity of JSON buffers, in bytes; enough for a token's claims or a token response.
const ROOM: usize = 2048;

/// A request to a token endpoint.
struct Call<'a> {
    state: &'a AppState,
    version: Version,
    base: &'a Instance,
    context: Context,
}

impl Call<'_> {
    async fn answer(&self, tenant: &TenantSegment, request: Request) -> Response {
        if request.method() == Method::OPTIONS {
            return [(header::ALLOW, "POST, OPTIONS")].into_response();
        }
        if request.method() != Method::POST {
            return self.refused(Refusal::NotPost { method: Echo::new(request.method().as_str()) });
        }
        let resolved = match tenant.resolve(&self.state.tenants, Endpoint::Token) {
            Ok(resolved) => resolved,
            Err(refusal) => return self.refused(refusal),
        };
        let (parts, body) = request.into_parts();
        let request = match TokenRequest::read(&parts.headers, body).await {
            Ok(request) => request,
            Err(refusal) => return self.refused(refusal),
        };
        let client_id = request.client_id().and_then(|id| ClientId::parse(id).ok());
        let Self { state, version, base, context } = self;
        let setting = Setting { state, base, version: *version, now: context.now };
        let mut response = match judge(&resolved, &request, setting).await {
            Ok(grant) => self.granted(&grant),
            Err(refusal) => {
                let mut response = self.refused(refusal);
                if request.uses_basic() && response.status() == StatusCode::UNAUTHORIZED {
                    let challenge =
                        HeaderValue::from_static(r#"Basic realm="token endpoint", charset="UTF-8""#);
                    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
                }
                response
            }
        };
        response.extensions_mut().insert(Caller(client_id));
        response
    }

    /// Issues the token. Signs on this thread, which takes some 2 ms: the runtime has a thread for each core, so the
    /// blocking pool would add a queue but no capacity.
    fn granted(&self, grant: &Grant<'_>) -> Response {
        let claims = grant.claims(self.base, &self.context);
        let Some(tenant) = self.state.tenants.tenant(grant.tenant.id) else {
            return self.refused(Refusal::NoTenant); // the tenant was removed meanwhile
        };
        let key = tenant.keys.signing_for(grant.resource.application.client_id);
        let signed = json(&claims)
            .map_err(|error| error.to_string())
            .and_then(|json| key.sign(grant.version(), &json).map_err(|error| error.to_string()));
        let access_token = match &signed {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(error, trace_id = %self.context.trace_id, "the token could not be signed");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        let not_consented = grant.roles_without_consent();
        tracing::info!(
            client_id = %grant.client.application.client_id,
            resource = %grant.resource.application.client_id,
            roles = claims.regular.roles.len(),
            // A frequent surprise: roles that are requested without consent are not in the token.
            not_consented,
            version = %grant.version(),
            trace_id = %self.context.trace_id,
            "issued a token"
        );
        let (token_type, expires_in, refresh_in) = ("Bearer", claims.expires_in(), claims.refresh_in());
        let ext_expires_in = expires_in;
        let body = match self.version {
            Version::V1 => json(&TokenResponseV1 {
                token_type,
                expires_in,
                ext_expires_in,
                refresh_in,
                expires_on: claims.regular.exp,
                not_before: claims.regular.nbf,
                resource: grant.requested,
                access_token,
            }),
            Version::V2 => {
                json(&TokenResponseV2 { token_type, expires_in, ext_expires_in, refresh_in, access_token })
            }
        };
        let Ok(body) = body else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let mut response = ([(header::CONTENT_TYPE, "application/json")], body).into_response();
        response.headers_mut().insert("x-ms-clitelem", HeaderValue::from_static("1,0,0,,"));
        response.extensions_mut().insert(Reason::Issued { roles: claims.regular.roles, not_consented });
        response
    }

    fn refused(&self, refusal: Refusal) -> Response {
        let (aadsts, hint, trace_id) = (refusal.code(), refusal.hint(), self.context.trace_id);
        tracing::info!(aadsts, hint, %trace_id, "refused a token");
        let mut response = refusal.into_response(&self.context);
        response.extensions_mut().insert(Reason::Refused { aadsts, hint });
        response
    }
}

/// Serializes like `serde_json::to_vec`, which would start with 128 bytes and reallocate.
fn json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut json = Vec::with_capacity(ROOM);
    serde_json::to_writer(&mut json, value)?;
    Ok(json)
}
