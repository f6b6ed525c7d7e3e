//! Compares service principals and their grants; a missing admin consent shows here.

use std::collections::BTreeMap;

use entra_shared::ids::ClientId;
use serde::Deserialize;
use serde_json::Value;

use super::{Difference, Differences, Fix};
use crate::tenant::{ServicePrincipal, Tenant};

/// The directory's file with service principals and grants.
const FILE: &str = "directory.toml";

/// A service principal as Microsoft Graph exports it.
///
/// <https://learn.microsoft.com/graph/api/resources/serviceprincipal>
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ExportedPrincipal {
    app_id: ClientId,
    account_enabled: Option<bool>,
    app_role_assignment_required: Option<bool>,
    /// Absent from an export that was made without `$expand=appRoleAssignments`.
    app_role_assignments: Option<Vec<Assignment>>,
}

/// An app role that the service principal was granted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    app_role_id: String,
    #[serde(default)]
    resource_display_name: Option<String>,
}

/// A service principal with a missing or malformed member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a service principal as Microsoft Graph exports it")]
pub struct InvalidPrincipal;

impl ExportedPrincipal {
    /// Reads an exported service principal; nothing if the document is not one, which its type tells.
    ///
    /// # Errors
    /// The document is a service principal with a missing or malformed member.
    pub fn from_document(document: &Value) -> Result<Option<Self>, InvalidPrincipal> {
        if document.get("servicePrincipalType").is_none() {
            return Ok(None);
        }
        Self::deserialize(document).map(Some).map_err(|_| InvalidPrincipal)
    }

    /// Returns the client id.
    #[must_use]
    pub fn app_id(&self) -> ClientId {
        self.app_id
    }
}

/// Compares a tenant's service principal with an exported one; nothing if the tenant has no such principal.
///
/// Compared are whether it is enabled, whether it requires an assignment, and its grants if the export has them.
#[must_use]
pub fn principal_drift(
    tenant: &Tenant,
    client_id: ClientId,
    exported: &ExportedPrincipal,
) -> Option<Vec<Difference>> {
    let expected = tenant.principal(client_id)?;
    let mut differences = Differences::new(Fix::InFile(FILE));
    compare_flags(expected, exported, &mut differences);
    if let Some(assignments) = &exported.app_role_assignments {
        compare_grants(&grants(tenant, expected), assignments, &mut differences);
    }
    Some(differences.found)
}

fn compare_flags(
    expected: &ServicePrincipal,
    exported: &ExportedPrincipal,
    differences: &mut Differences<'_>,
) {
    let enabled = exported.account_enabled.unwrap_or(true);
    let required = exported.app_role_assignment_required.unwrap_or(false);
    for (subject, member, expected, exported) in [
        ("enabled", "`enabled`", expected.enabled, enabled),
        ("assignment required", "`app_role_assignment_required`", expected.assignment_required, required),
    ] {
        differences.compare(subject, member, &expected.to_string(), &exported.to_string());
    }
}

fn compare_grants(
    expected: &BTreeMap<String, String>,
    assignments: &[Assignment],
    differences: &mut Differences<'_>,
) {
    let exported: BTreeMap<String, String> = assignments.iter().map(Assignment::with_name).collect();
    let subject = |name: &str, id: &str| format!("grant of {name} ({id})");
    for (id, name) in expected.iter().filter(|(id, _)| !exported.contains_key(*id)) {
        differences.add(&subject(name, id), "it", "none", "remove the `tenants.grants` entry");
    }
    for (id, name) in exported.iter().filter(|(id, _)| !expected.contains_key(*id)) {
        differences.add(&subject(name, id), "none", "it", "add a `tenants.grants` entry");
    }
}

impl Assignment {
    fn with_name(&self) -> (String, String) {
        let resource = self.resource_display_name.as_deref().unwrap_or("a resource");
        (self.app_role_id.to_ascii_lowercase(), format!("a role of {resource}"))
    }
}

/// Returns the granted roles' names by id, which is the same in every tenant.
fn grants(tenant: &Tenant, client: &ServicePrincipal) -> BTreeMap<String, String> {
    let name = |resource: &ServicePrincipal, id: &str| {
        let role = resource.manifest.as_ref().and_then(|manifest| manifest.role(id));
        let value = role.and_then(|role| role.value.as_deref()).unwrap_or("no role in particular");
        format!("{value} of {}", resource.display_name)
    };
    let grants = client.grants.iter().filter_map(|grant| {
        let (resource, id) = (tenant.principal(grant.resource)?, grant.role.to_string());
        Some((id.clone(), name(resource, &id)))
    });
    grants.collect()
}
