//! The apps that an operator lists.

use entra_shared::ids::{ClientId, TenantId};
use serde::Deserialize;

use super::AppIdentity;

/// An app that may call.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListedClient {
    /// The app.
    pub client_id: ClientId,
    /// The app's tenant; `None` for the app of this id in any tenant that is accepted.
    pub tenant_id: Option<TenantId>,
    /// The app's name in the decision log.
    pub name: String,
    /// The names of the policies that this client may satisfy.
    pub policies: Vec<String>,
}

impl ListedClient {
    /// Returns whether this entry lists the app.
    pub(crate) fn matches(&self, app: AppIdentity) -> bool {
        self.client_id == app.client_id && self.tenant_id.is_none_or(|tenant| tenant == app.tenant)
    }
}
