//! Decides whether a token request is granted, with the checks in Entra's order.

use entra_shared::azure_ad::{Instance, Version};
use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{AppIdUri, ClientId};
use entra_shared::token_endpoint::CLIENT_CREDENTIALS;
use jiff::Timestamp;

use super::AppState;
use super::tenant::{Alias, Resolved};
use super::token_request::TokenRequest;
use crate::credentials::{Claimant, Presented, TenantAddress};
use crate::directory::{Application, Directory, ServicePrincipal, Tenant};
use crate::errors::{Echo, Refusal};
use crate::grant::Grant;
use crate::tenants::LiveTenant;

/// The scopes that `OpenID` Connect libraries add to any request; they have no effect in the client credentials grant.
const IGNORED_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The endpoint version, base URL and time of a token request.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) state: &'a AppState,
    pub(super) base: &'a Instance,
    pub(super) version: Version,
    pub(super) now: Timestamp,
}

/// Makes the checks in Entra's order. An unauthenticated client learns nothing about resources.
pub(super) async fn judge<'r>(
    resolved: &'r Resolved,
    request: &'r TokenRequest,
    setting: Setting<'r>,
) -> Result<Grant<'r>, Refusal> {
    match request.value("grant_type") {
        None => return Err(Refusal::MissingParameter { parameter: "grant_type" }),
        Some(CLIENT_CREDENTIALS) => (),
        Some(other) => return Err(Refusal::UnsupportedGrantType { grant_type: Echo::new(other) }),
    }
    request.check_supported()?;
    let (live, tenant) = match resolved {
        Resolved::Tenant(live, tenant) => (live, &**tenant),
        Resolved::Any(Alias::Organizations) => return Err(Refusal::NoTenant),
        Resolved::Any(Alias::Common | Alias::Consumers) => return Err(Refusal::GrantTypeOverCommon),
    };
    let directory = &setting.state.directory;
    let client = client(directory, tenant, request)?;
    let application = &client.application;
    let claimant = setting.claimant(live, tenant, application);
    let authentication = setting.authenticate(&claimant, application.is_public, request).await?;
    let requested = match setting.version {
        Version::V1 => request.value("resource").ok_or(Refusal::MissingField { field: "resource" })?,
        Version::V2 => scoped_resource(tenant, request)?,
    };
    let resource = resource(tenant, application, requested)?;
    let capabilities = request.capabilities();
    Ok(Grant { tenant, client, resource, requested, authentication, capabilities })
}

impl Setting<'_> {
    fn claimant<'a>(
        &'a self,
        live: &'a LiveTenant,
        tenant: &'a Tenant,
        client: &'a Application,
    ) -> Claimant<'a> {
        let (origin, directory) = (&self.state.origin, &self.state.directory);
        Claimant {
            client: client.client_id,
            registered: &client.credentials,
            address: TenantAddress {
                base: self.base,
                origin,
                tenant: tenant.id,
                domains: directory.domains(),
            },
            keys: &live.keys,
            identities: tenant.managed_identities().iter().map(|identity| identity.object_id).collect(),
            seen: &live.seen,
            now: self.now,
        }
    }

    async fn authenticate(
        &self,
        claimant: &Claimant<'_>,
        is_public: bool,
        request: &TokenRequest,
    ) -> Result<ClientAuthentication, Refusal> {
        let presented = request.credential()?;
        if is_public && !matches!(presented, Presented::Nothing) {
            return Err(Refusal::PublicClient);
        }
        self.state.authenticator.authenticate(claimant, &presented).await
    }
}

fn client<'t>(
    directory: &Directory,
    tenant: &'t Tenant,
    request: &TokenRequest,
) -> Result<&'t ServicePrincipal, Refusal> {
    let client_id = request.client_id().ok_or(Refusal::MissingParameter { parameter: "client_id" })?;
    let id = ClientId::parse(client_id).ok().filter(|id| !id.as_uuid().is_nil());
    let id = id.ok_or_else(|| Refusal::MalformedClient { client: Echo::new(client_id) })?;
    let unknown = || {
        if directory.could_be_added(id) {
            return Refusal::MissingPrincipal { client: id, tenant: tenant.id };
        }
        Refusal::UnknownClient { client: id, tenant: tenant.display_name.clone() }
    };
    enabled(tenant.principal(id).ok_or_else(unknown)?)
}

/// Returns the client if it is enabled.
pub(super) fn enabled(client: &ServicePrincipal) -> Result<&ServicePrincipal, Refusal> {
    if client.enabled {
        return Ok(client);
    }
    let application = &client.application;
    Err(Refusal::DisabledClient { client: application.client_id, name: application.display_name.clone() })
}

/// Returns the resource in the scope of a v2 request. The scope must be one resource, followed by `/.default`.
fn scoped_resource<'r>(tenant: &Tenant, request: &'r TokenRequest) -> Result<&'r str, Refusal> {
    if request.value("resource").is_some() {
        return Err(Refusal::ResourceOnV2);
    }
    let scope = request.value("scope").ok_or(Refusal::MissingField { field: "scope" })?;
    let echo = || Echo::new(scope);
    let mut resources = scope.split_ascii_whitespace().filter(|name| !IGNORED_SCOPES.contains(name));
    let without_default = || Refusal::ScopeWithoutDefault { scope: echo() };
    let first = resources.next().ok_or_else(without_default)?;
    let resource = first.strip_suffix("/.default").ok_or_else(without_default)?;
    for other in resources {
        if !other.ends_with("/.default") {
            return Err(without_default());
        }
        if other != first {
            return Err(Refusal::SeveralResources { scope: echo() });
        }
    }
    // A registered name is well-formed and needs no further check.
    let is_known = tenant.resource(resource).is_some();
    if !is_known && ClientId::parse(resource).is_err() && AppIdUri::parse(resource).is_err() {
        return Err(Refusal::InvalidScope { scope: echo() });
    }
    Ok(resource)
}

/// Returns the resource if the client may have a token for it.
pub(super) fn resource<'t>(
    tenant: &'t Tenant,
    client: &Application,
    requested: &str,
) -> Result<&'t ServicePrincipal, Refusal> {
    let echo = || Echo::new(requested);
    let unknown = || Refusal::UnknownResource { resource: echo(), tenant: tenant.display_name.clone() };
    let resource = tenant.resource(requested).ok_or_else(unknown)?;
    if !resource.enabled {
        return Err(Refusal::DisabledResource { resource: echo() });
    }
    if resource.assignment_required && !tenant.is_assigned(client, &resource.application) {
        return Err(Refusal::NotAssigned {
            client: client.client_id,
            client_name: client.display_name.clone(),
            resource: echo(),
            resource_name: resource.application.display_name.clone(),
        });
    }
    Ok(resource)
}
