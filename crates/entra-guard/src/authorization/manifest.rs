//! The app roles as the registration's manifest has them.

mod drift;

use serde::Serialize;
use uuid::Uuid;

use super::Role;
pub use drift::{Difference, InvalidManifest, differences};

/// The one kind of member that gets these roles: apps that call for themselves, and no users.
const MEMBER_TYPE: &str = "Application";

/// A member of `appRoles`, without what only Entra writes (`origin`).
///
/// <https://learn.microsoft.com/graph/api/resources/approle>
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    allowed_member_types: [&'static str; 1],
    description: &'static str,
    display_name: &'static str,
    id: Uuid,
    is_enabled: bool,
    value: &'static str,
}

impl From<Role> for AppRole {
    fn from(role: Role) -> Self {
        Self {
            allowed_member_types: [MEMBER_TYPE],
            description: role.description(),
            display_name: role.value(),
            id: role.id(),
            is_enabled: true,
            value: role.value(),
        }
    }
}

/// The manifest's `appRoles`.
#[must_use]
pub fn app_roles() -> [AppRole; Role::ALL.len()] {
    Role::ALL.map(AppRole::from)
}
