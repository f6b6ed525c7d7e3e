//! The `OpenID` Connect discovery documents, v1 and v2, members in Entra's order (captures of 2022 and 2024-02-02).
//!
//! Like Entra's, they list further grants and endpoints, which clients may look for. Of these the stand-in serves only the
//! token endpoint and the key set.
//! <https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document>

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use entra_shared::azure_ad::{Instance, Version};
use serde::Serialize;

use super::key_set::OfApp;
use super::tenant::{Named, TenantSegment};
use super::{AppState, BaseUrl, public, refuse};
use crate::context::Context;
use crate::errors::Endpoint;

pub(super) async fn v1(
    State(state): State<AppState>,
    Extension(BaseUrl(base)): Extension<BaseUrl>,
    Query(of): Query<OfApp>,
    tenant: TenantSegment,
    context: Context,
) -> Response {
    match tenant.resolve(&state.tenants, Endpoint::Discovery) {
        Ok(resolved) => public(DocumentV1::new(&base, resolved.named(), &of)),
        Err(refusal) => refuse(refusal, &context),
    }
}

pub(super) async fn v2(
    State(state): State<AppState>,
    Extension(BaseUrl(base)): Extension<BaseUrl>,
    Query(of): Query<OfApp>,
    tenant: TenantSegment,
    context: Context,
) -> Response {
    match tenant.resolve(&state.tenants, Endpoint::Discovery) {
        Ok(resolved) => public(DocumentV2::new(&base, resolved.named(), &of)),
        Err(refusal) => refuse(refusal, &context),
    }
}

#[derive(Serialize)]
struct DocumentV1 {
    #[serde(flatten)]
    head: Head,
    response_types_supported: [&'static str; 5],
    scopes_supported: [&'static str; 1],
    issuer: String,
    microsoft_multi_refresh_token: bool,
    authorization_endpoint: String,
    device_authorization_endpoint: String,
    http_logout_supported: bool,
    frontchannel_logout_supported: bool,
    end_session_endpoint: String,
    claims_supported: [&'static str; 17],
    check_session_iframe: String,
    userinfo_endpoint: String,
    #[serde(flatten)]
    clouds: Clouds,
}

#[derive(Serialize)]
struct DocumentV2 {
    #[serde(flatten)]
    head: Head,
    response_types_supported: [&'static str; 4],
    scopes_supported: [&'static str; 4],
    issuer: String,
    request_uri_parameter_supported: bool,
    userinfo_endpoint: &'static str,
    authorization_endpoint: String,
    device_authorization_endpoint: String,
    http_logout_supported: bool,
    frontchannel_logout_supported: bool,
    end_session_endpoint: String,
    claims_supported: [&'static str; 19],
    #[serde(flatten)]
    clouds: Clouds,
}

/// The first members of both documents.
#[derive(Serialize)]
struct Head {
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 3],
    jwks_uri: String,
    response_modes_supported: [&'static str; 3],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

/// The last members of both documents.
#[derive(Serialize)]
struct Clouds {
    kerberos_endpoint: String,
    tenant_region_scope: Option<String>,
    cloud_instance_name: &'static str,
    cloud_graph_host_name: &'static str,
    msgraph_host: &'static str,
    rbac_url: &'static str,
}

impl DocumentV1 {
    fn new(base: &Instance, named: Named<'_>, of: &OfApp) -> Self {
        let root = format!("{base}/{}", named.segment());
        // All tenants share the v1 keys and their URL. A tenant that a test created has its own, so that its journal
        // shows who fetched them.
        let keys = if named.has_own_key_set() { root.clone() } else { format!("{base}/common") };
        Self {
            head: Head::new(format!("{root}/oauth2/token"), format!("{keys}/discovery/keys"), of),
            response_types_supported: ["code", "id_token", "code id_token", "token id_token", "token"],
            scopes_supported: ["openid"],
            issuer: named.issuer(base, Version::V1),
            microsoft_multi_refresh_token: true,
            authorization_endpoint: format!("{root}/oauth2/authorize"),
            device_authorization_endpoint: format!("{root}/oauth2/devicecode"),
            http_logout_supported: true,
            frontchannel_logout_supported: true,
            end_session_endpoint: format!("{root}/oauth2/logout"),
            claims_supported: [
                "sub",
                "iss",
                "cloud_instance_name",
                "cloud_instance_host_name",
                "cloud_graph_host_name",
                "msgraph_host",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "acr",
                "amr",
                "nonce",
                "email",
                "given_name",
                "family_name",
                "nickname",
            ],
            check_session_iframe: format!("{root}/oauth2/checksession"),
            userinfo_endpoint: format!("{root}/openid/userinfo"),
            clouds: Clouds::new(&root, named),
        }
    }
}

impl DocumentV2 {
    fn new(base: &Instance, named: Named<'_>, of: &OfApp) -> Self {
        let root = format!("{base}/{}", named.segment());
        Self {
            head: Head::new(format!("{root}/oauth2/v2.0/token"), format!("{root}/discovery/v2.0/keys"), of),
            response_types_supported: ["code", "id_token", "code id_token", "id_token token"],
            scopes_supported: ["openid", "profile", "email", "offline_access"],
            issuer: named.issuer(base, Version::V2),
            request_uri_parameter_supported: false,
            userinfo_endpoint: "https://graph.microsoft.com/oidc/userinfo",
            authorization_endpoint: format!("{root}/oauth2/v2.0/authorize"),
            device_authorization_endpoint: format!("{root}/oauth2/v2.0/devicecode"),
            http_logout_supported: true,
            frontchannel_logout_supported: true,
            end_session_endpoint: format!("{root}/oauth2/v2.0/logout"),
            claims_supported: [
                "sub",
                "iss",
                "cloud_instance_name",
                "cloud_instance_host_name",
                "cloud_graph_host_name",
                "msgraph_host",
                "aud",
                "exp",
                "iat",
                "auth_time",
                "acr",
                "nonce",
                "preferred_username",
                "name",
                "tid",
                "ver",
                "at_hash",
                "c_hash",
                "email",
            ],
            clouds: Clouds::new(&root, named),
        }
    }
}

impl Head {
    fn new(token_endpoint: String, keys: String, of: &OfApp) -> Self {
        let jwks_uri = match of.appid {
            Some(app) => format!("{keys}?appid={app}"),
            None => keys,
        };
        Self {
            token_endpoint,
            token_endpoint_auth_methods_supported: [
                "client_secret_post",
                "private_key_jwt",
                "client_secret_basic",
            ],
            jwks_uri,
            response_modes_supported: ["query", "fragment", "form_post"],
            subject_types_supported: ["pairwise"],
            id_token_signing_alg_values_supported: ["RS256"],
        }
    }
}

impl Clouds {
    fn new(root: &str, named: Named<'_>) -> Self {
        let region = match named {
            Named::Tenant(tenant) => tenant.region.clone(),
            Named::Any(_) => None,
        };
        Self {
            kerberos_endpoint: format!("{root}/kerberos"),
            tenant_region_scope: region,
            cloud_instance_name: "microsoftonline.com",
            cloud_graph_host_name: "graph.windows.net",
            msgraph_host: "graph.microsoft.com",
            rbac_url: "https://pas.windows.net",
        }
    }
}
