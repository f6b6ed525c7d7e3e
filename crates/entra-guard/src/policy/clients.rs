//! The apps that an operator lists.

use std::collections::BTreeMap;

use entra_shared::ids::{ClientId, TenantId};

use super::AppIdentity;

/// An app that may call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedClient {
    /// The app.
    pub client_id: ClientId,
    /// The app's tenant; `None` for the app of this id in any tenant that is accepted.
    pub tenant_id: Option<TenantId>,
    /// The app's name in the decision log.
    pub name: String,
    /// The names of the policies that it may pass.
    pub policies: Vec<String>,
}

/// What a [`ListedClient`] is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClientKey {
    client_id: ClientId,
    tenant_id: Option<TenantId>,
}

impl ClientKey {
    /// The keys that a caller may be listed by.
    pub(crate) fn candidates(app: AppIdentity) -> [Self; 2] {
        [Some(app.tenant), None].map(|tenant_id| Self { client_id: app.client_id, tenant_id })
    }
}

impl From<&ListedClient> for ClientKey {
    fn from(client: &ListedClient) -> Self {
        Self { client_id: client.client_id, tenant_id: client.tenant_id }
    }
}

/// The names of listed apps in the decision log.
pub(crate) fn names_of(clients: &[ListedClient]) -> BTreeMap<ClientKey, String> {
    clients.iter().map(|client| (client.into(), client.name.clone())).collect()
}
