//! The app roles that an API declares in code, as its registration's manifest holds them.

use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::manifest::AppRole;

/// The member type of roles for apps; users cannot get them.
const APPLICATION: &str = "Application";

/// An app role that an API's policies require.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeclaredRole<'a> {
    /// The role's id, which grants refer to.
    pub id: Uuid,
    /// The role's value, as the `roles` claim holds it.
    pub value: &'a str,
    /// The description that administrators see when they grant the role.
    pub description: &'a str,
}

/// An item of `appRoles`, without the member that only Entra writes (`origin`).
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AppRoleItem<'a> {
    allowed_member_types: [&'static str; 1],
    description: &'a str,
    display_name: &'a str,
    id: Uuid,
    is_enabled: bool,
    value: &'a str,
}

/// Returns the `appRoles` for the manifest of an API with these roles.
#[must_use]
pub fn app_roles(roles: &[DeclaredRole<'_>]) -> Value {
    serde_json::json!(roles.iter().map(AppRoleItem::from).collect::<Vec<_>>())
}

impl<'a> From<&DeclaredRole<'a>> for AppRoleItem<'a> {
    fn from(role: &DeclaredRole<'a>) -> Self {
        Self {
            allowed_member_types: [APPLICATION],
            description: role.description,
            display_name: role.value,
            id: role.id,
            is_enabled: true,
            value: role.value,
        }
    }
}

impl From<&DeclaredRole<'_>> for AppRole {
    fn from(role: &DeclaredRole<'_>) -> Self {
        Self {
            id: role.id.to_string(),
            value: Some(role.value.to_owned()),
            is_enabled: Some(true),
            allowed_member_types: vec![APPLICATION.to_owned()],
        }
    }
}
