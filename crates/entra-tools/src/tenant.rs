//! A tenant's apps and grants, as the commands of this crate read them.

use entra_shared::ids::{ClientId, TenantId};
use uuid::Uuid;

use crate::manifest::Manifest;

/// A tenant with its service principals.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant's id.
    pub id: TenantId,
    /// The tenant's name.
    pub display_name: String,
    /// Apps and managed identities, in the order in which scripts list them.
    pub principals: Vec<ServicePrincipal>,
}

/// An app, or a managed identity, in a tenant.
///
/// <https://learn.microsoft.com/graph/api/resources/serviceprincipal>
#[derive(Debug, Clone)]
pub struct ServicePrincipal {
    /// The client id.
    pub client_id: ClientId,
    /// The name.
    pub display_name: String,
    /// The app registration; a managed identity has none.
    pub manifest: Option<Manifest>,
    /// Whether it may acquire tokens.
    pub enabled: bool,
    /// Whether clients need a role to acquire a token for the app.
    pub assignment_required: bool,
    /// The app roles that were granted to the app.
    pub grants: Vec<Grant>,
}

/// An app role that a client was granted on a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The resource's client id.
    pub resource: ClientId,
    /// The role's id; the nil id is an assignment without a role.
    pub role: Uuid,
}

impl Tenant {
    /// Returns the service principal with this client id.
    pub(crate) fn principal(&self, client_id: ClientId) -> Option<&ServicePrincipal> {
        self.principals.iter().find(|principal| principal.client_id == client_id)
    }
}

impl ServicePrincipal {
    /// Returns the roles that were granted to the app on a resource.
    pub(crate) fn roles_on(&self, resource: ClientId) -> impl Iterator<Item = Uuid> {
        self.grants.iter().filter(move |grant| grant.resource == resource).map(|grant| grant.role)
    }
}
