//! An app registration with its whole manifest, of which issuing tokens needs only a part.

use entra_shared::ids::ClientId;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::error::json_error;
use super::{DirectoryError, formats};

/// An app registration, with its whole manifest in Microsoft Graph's format.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Registration {
    pub(crate) app_id: ClientId,
    pub(crate) display_name: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) identifier_uris: Vec<String>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) app_roles: Vec<RegisteredRole>,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) required_resource_access: Vec<RequiredResource>,
    /// The file's name in errors and remedies.
    #[serde(skip)]
    pub(crate) file: String,
    #[serde(skip)]
    pub(crate) document: Value,
}

/// An entry of `appRoles`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredRole {
    pub(crate) id: String,
    pub(crate) value: Option<String>,
}

/// An entry of `requiredResourceAccess`, with the permissions that a client requests for one resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequiredResource {
    pub(crate) resource_app_id: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) resource_access: Vec<RequiredAccess>,
}

/// A requested permission, which is an app role (`Role`) or a delegated one (`Scope`).
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RequiredAccess {
    pub(crate) id: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

impl Registration {
    /// Reads a manifest of either format.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, DirectoryError> {
        let document = formats::graph_manifest(file, text)?;
        let read: Result<Self, _> = serde_path_to_error::deserialize(&document);
        let read = read.map_err(|error| json_error(file, &error.path().to_string(), error.inner()))?;
        Ok(Self { file: file.to_owned(), document, ..read })
    }

    /// Returns the role with this id.
    pub(crate) fn role(&self, id: &str) -> Option<&RegisteredRole> {
        self.app_roles.iter().find(|role| role.id.eq_ignore_ascii_case(id))
    }

    /// Returns the ids of the roles that it requests at a resource.
    pub(crate) fn requested_roles(&self, resource: ClientId) -> impl Iterator<Item = &str> {
        let resource = resource.to_string();
        let of_resource =
            move |required: &&RequiredResource| required.resource_app_id.eq_ignore_ascii_case(&resource);
        let roles = self.required_resource_access.iter().filter(of_resource);
        roles
            .flat_map(|required| &required.resource_access)
            .filter(|a| a.kind == "Role")
            .map(|a| a.id.as_str())
    }
}

impl RegisteredRole {
    /// Returns its value, or its id if it has none.
    pub(crate) fn name(&self) -> &str {
        self.value.as_deref().unwrap_or(&self.id)
    }
}

fn or_default<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}
