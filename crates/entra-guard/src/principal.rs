//! Who sent a request.

use std::sync::Arc;

use entra_shared::ids::{ClientId, TenantId};
use uuid::Uuid;

use crate::authentication::Caller;
use crate::development::DevelopmentHandler;
use crate::policy::{AppIdentity, Subject};

/// The sender of a request: the app that a validated token names, or a developer without a token.
#[derive(Debug, Clone)]
pub struct Principal(Option<Arc<Caller>>);

impl Principal {
    pub(crate) fn for_caller(caller: Arc<Caller>) -> Self {
        Self(Some(caller))
    }

    pub(crate) fn for_development(_: &DevelopmentHandler) -> Self {
        Self(None)
    }

    /// Returns the caller that the token names; `None` if the development handler accepted a request without a token.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        self.0.as_deref()
    }

    /// Returns the app's client id. Without a token it is the nil UUID, which Entra assigns to no app.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.caller().map_or_else(|| ClientId::from(Uuid::nil()), Caller::client_id)
    }

    /// Returns the app's tenant. Without a token it is the nil UUID, which no tenant has.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.caller().map_or_else(|| TenantId::from(Uuid::nil()), Caller::tenant)
    }

    /// Returns the app roles that were granted, as the token holds them.
    #[must_use]
    pub fn roles(&self) -> &[String] {
        self.caller().map(Caller::roles).unwrap_or_default()
    }

    /// Returns the app and its tenant.
    #[must_use]
    pub fn app(&self) -> AppIdentity {
        AppIdentity { tenant: self.tenant(), client_id: self.client_id() }
    }

    /// Returns the principal as requirement handlers see it.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        let caller = self.caller();
        Subject {
            tenant: self.tenant(),
            client_id: self.client_id(),
            app_only: caller.is_some_and(Caller::is_app_only),
            client_authentication: caller.and_then(Caller::client_authentication),
            roles: self.roles(),
            agent: caller.and_then(Caller::agent),
            development: caller.is_none(),
        }
    }
}
