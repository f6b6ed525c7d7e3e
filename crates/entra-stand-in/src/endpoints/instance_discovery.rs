//! Instance discovery, with which Microsoft's libraries check that a host is Entra's.

use axum::Extension;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use entra_shared::azure_ad::Instance;
use serde::Serialize;
use url::{Url, form_urlencoded};

use super::tenant::TenantSegment;
use super::{AppState, BaseUrl, public, refuse};
use crate::context::Context;
use crate::errors::{Endpoint, Refusal};

#[derive(Serialize)]
struct Answer {
    tenant_discovery_endpoint: String,
    #[serde(rename = "api-version")]
    api_version: &'static str,
    metadata: [Metadata; 1],
}

#[derive(Serialize)]
struct Metadata {
    preferred_network: String,
    preferred_cache: String,
    aliases: Vec<String>,
}

pub(super) async fn get(
    State(state): State<AppState>,
    Extension(BaseUrl(base)): Extension<BaseUrl>,
    RawQuery(query): RawQuery,
    context: Context,
) -> Response {
    let query = query.unwrap_or_default();
    let asked = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "authorization_endpoint")
        .and_then(|(_, url)| Url::parse(&url).ok());
    let answer = asked.ok_or(Refusal::UnknownInstance).and_then(|asked| answer(&state, &base, &asked));
    match answer {
        Ok(answer) => public(answer),
        Err(refusal) => refuse(refusal, &context),
    }
}

fn answer(state: &AppState, base: &Instance, asked: &Url) -> Result<Answer, Refusal> {
    // The port is not compared: MSAL Python leaves it out.
    let host = asked.host_str().filter(|host| state.origin.is_own(host)).ok_or(Refusal::UnknownInstance)?;
    let mut segments = asked.path_segments().into_iter().flatten();
    let tenant = segments.next().unwrap_or_default();
    let resolved = TenantSegment::named(tenant, &state.tenants, Endpoint::Discovery)?;
    let version = if segments.any(|segment| segment == "v2.0") { "/v2.0" } else { "" };
    let network = base.url().authority().to_owned();
    let mut aliases = vec![network.clone()];
    if host != network {
        aliases.push(host.to_owned());
    }
    Ok(Answer {
        tenant_discovery_endpoint: format!(
            "{base}/{}{version}/.well-known/openid-configuration",
            resolved.named().segment()
        ),
        api_version: "1.1",
        metadata: [Metadata { preferred_network: network.clone(), preferred_cache: network, aliases }],
    })
}
