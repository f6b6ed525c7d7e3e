//! Who a request under `/api` comes from.

use std::sync::Arc;

use entra_shared::ids::{ClientId, TenantId};
use uuid::Uuid;

use entra_guard::authentication::Caller;
use entra_guard::authorization::{DevelopmentHandler, Subject};

/// Who a request under `/api` comes from; policies decide about it, handlers read it.
#[derive(Debug, Clone)]
pub struct Principal(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Caller(Arc<Caller>),
    Development,
}

impl Principal {
    /// The app that a validated token names.
    pub(crate) fn of_token(caller: Arc<Caller>) -> Self {
        Self(Kind::Caller(caller))
    }

    /// Whoever came without a token, where the handler that allows that exists.
    pub(crate) fn of_development(_: &DevelopmentHandler) -> Self {
        Self(Kind::Development)
    }

    /// The caller that a token named; there is none where there was no token.
    #[must_use]
    pub fn caller(&self) -> Option<&Caller> {
        match &self.0 {
            Kind::Caller(caller) => Some(caller),
            Kind::Development => None,
        }
    }

    /// The app: all zeros, which Entra gives to no app, where there was no token.
    #[must_use]
    pub fn client_id(&self) -> ClientId {
        self.caller().map_or_else(|| ClientId::from(Uuid::nil()), Caller::client_id)
    }

    /// The tenant of the app; all zeros, which is no tenant of Entra's, where there was no token.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.caller().map_or_else(|| TenantId::from(Uuid::nil()), Caller::tenant)
    }

    /// What policies may know.
    pub(crate) fn subject(&self) -> Subject<'_> {
        match &self.0 {
            Kind::Caller(caller) => Subject {
                tenant: caller.tenant(),
                client_id: caller.client_id(),
                app_only: caller.is_app_only(),
                client_authentication: caller.client_authentication(),
                roles: caller.roles(),
                development: false,
            },
            Kind::Development => Subject {
                tenant: self.tenant(),
                client_id: self.client_id(),
                app_only: false,
                client_authentication: None,
                roles: &[],
                development: true,
            },
        }
    }
}
