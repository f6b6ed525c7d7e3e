//! Whoever calls, and what they call for, as policies see them.

use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, TenantId};
use uuid::Uuid;

/// What a policy may know about whoever calls.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The tenant of the app: an app id names an app only together with it.
    pub tenant: TenantId,
    /// The app that calls, or that a user calls through.
    pub client_id: ClientId,
    /// Whether an app calls for itself, with no user behind it.
    pub app_only: bool,
    /// How the app proved who it is; nothing where the token does not say.
    pub client_authentication: Option<ClientAuthentication>,
    /// The app roles that were granted, as the token writes them.
    pub roles: &'a [String],
    /// Whether there was no token, and the development handler stands in for one.
    pub development: bool,
}

/// What a policy may know about the resource that a caller wants to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The resource.
    pub id: Uuid,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// The app of that tenant that created it; never changes.
    pub created_by: ClientId,
}

#[cfg(test)]
impl<'a> Subject<'a> {
    /// An app with these roles that proved itself with a secret.
    pub(super) fn app(roles: &'a [String]) -> Self {
        Self {
            tenant: TenantId::from(Uuid::from_u128(7)),
            client_id: ClientId::from(Uuid::from_u128(1)),
            app_only: true,
            client_authentication: Some(ClientAuthentication::Secret),
            roles,
            development: false,
        }
    }
}
