//! The caller, as requirement handlers see it.

use entra_shared::claims::ClientAuthentication;
use entra_shared::ids::{ClientId, TenantId};

use crate::authentication::Agent;

/// The caller, as requirement handlers see it. Plain data, so that a team can test its handlers.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The tenant of the app. A client id identifies an app only together with it.
    pub tenant: TenantId,
    /// The app that calls, or that a user calls through.
    pub client_id: ClientId,
    /// Whether the app calls for itself, without a user.
    pub app_only: bool,
    /// How the app authenticated; `None` if the token does not say.
    pub client_authentication: Option<ClientAuthentication>,
    /// The app roles that were granted, as the token holds them.
    pub roles: &'a [String],
    /// The agent that the app is, if its token describes one.
    pub agent: Option<Agent>,
    /// Whether the request had no token and the development handler stands in for one.
    pub development: bool,
}

/// An app of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppIdentity {
    /// The tenant.
    pub tenant: TenantId,
    /// The app's client id.
    pub client_id: ClientId,
}

impl From<&Subject<'_>> for AppIdentity {
    fn from(subject: &Subject<'_>) -> Self {
        Self { tenant: subject.tenant, client_id: subject.client_id }
    }
}

#[cfg(test)]
impl<'a> Subject<'a> {
    /// An app with these roles that authenticated with a secret.
    pub(crate) fn app(roles: &'a [String]) -> Self {
        use uuid::Uuid;
        Self {
            tenant: TenantId::from(Uuid::from_u128(7)),
            client_id: ClientId::from(Uuid::from_u128(1)),
            app_only: true,
            client_authentication: Some(ClientAuthentication::Secret),
            roles,
            agent: None,
            development: false,
        }
    }
}
