//! How a real tenant's service principal differs from the directory's: a grant that is missing is found here.

use std::collections::BTreeMap;

use entra_shared::ids::ClientId;
use entra_shared::settings::{KeyProblem, SettingsError};
use serde::Deserialize;
use serde_json::Value;

use super::super::shell::one_line;
use super::Difference;
use crate::directory::{Registrations, ServicePrincipal, Tenant};

/// A service principal as Microsoft Graph shows it.
///
/// <https://learn.microsoft.com/graph/api/resources/serviceprincipal>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExportedPrincipal {
    app_id: ClientId,
    account_enabled: Option<bool>,
    app_role_assignment_required: Option<bool>,
    /// Absent where it was not asked for (`$expand=appRoleAssignments`).
    app_role_assignments: Option<Vec<Assignment>>,
}

/// What the service principal was granted on a resource.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    app_role_id: String,
    #[serde(default)]
    resource_display_name: Option<String>,
}

impl ExportedPrincipal {
    /// Reads an export, where it is that of a service principal: no manifest says what type one is of.
    pub(super) fn read(file: &str, text: &str) -> Result<Option<Self>, SettingsError> {
        let document: Value = match serde_json::from_str(text) {
            Ok(document) => document,
            // Whoever reads it as a manifest says what is wrong with it.
            Err(_) => return Ok(None),
        };
        if document.get("servicePrincipalType").is_none() {
            return Ok(None);
        }
        let read = serde_json::from_value(document);
        let problem = "not a service principal as Microsoft Graph shows one".to_owned();
        read.map(Some).map_err(|_| SettingsError::File { file: file.to_owned(), problem })
    }
}

impl Registrations {
    /// Compares it with the service principal of the first tenant that has the app.
    pub(super) fn principal_drift(
        &self,
        export: &ExportedPrincipal,
        app: Option<&str>,
    ) -> Result<Vec<Difference>, SettingsError> {
        let id = app.map_or(Ok(export.app_id), |app| self.named(app).map(|app| app.app_id))?;
        let mut tenants = self.directory().tenants();
        let found = tenants.find_map(|tenant| Some((tenant, tenant.principal(id)?)));
        let (tenant, principal) = found.ok_or_else(|| {
            let problem =
                "the export's app is no service principal of the directory; name the APP to compare it with";
            KeyProblem::new("appId", problem)
        })?;
        let mut comparison = Comparison::default();
        comparison.flags(principal, export);
        if let Some(assignments) = &export.app_role_assignments {
            comparison.grants(&grants(tenant, principal), assignments);
        }
        Ok(comparison.found)
    }
}

#[derive(Default)]
struct Comparison {
    found: Vec<Difference>,
}

impl Comparison {
    fn flags(&mut self, own: &ServicePrincipal, export: &ExportedPrincipal) {
        let enabled = export.account_enabled.unwrap_or(true);
        let required = export.app_role_assignment_required.unwrap_or(false);
        for (what, key, own, export) in [
            ("enabled", "enabled", own.enabled, enabled),
            ("assignment required", "app_role_assignment_required", own.assignment_required, required),
        ] {
            if own != export {
                self.add(what, &own.to_string(), &export.to_string(), &format!("set `{key}` to {export}"));
            }
        }
    }

    fn grants(&mut self, own: &BTreeMap<String, String>, assignments: &[Assignment]) {
        let export: BTreeMap<String, String> = assignments.iter().map(Assignment::named).collect();
        for (id, name) in own.iter().filter(|(id, _)| !export.contains_key(*id)) {
            self.add(&format!("grant of {name} ({id})"), "it", "none", "remove the `tenants.grants` entry");
        }
        for (id, name) in export.iter().filter(|(id, _)| !own.contains_key(*id)) {
            self.add(&format!("grant of {name} ({id})"), "none", "it", "add a `tenants.grants` entry");
        }
    }

    fn add(&mut self, what: &str, own: &str, export: &str, remedy: &str) {
        self.found.push(Difference {
            what: one_line(what),
            directory: own.to_owned(),
            export: one_line(export),
            remedy: format!("{remedy} in directory.toml, or change the tenant"),
        });
    }
}

impl Assignment {
    fn named(&self) -> (String, String) {
        let resource = self.resource_display_name.as_deref().unwrap_or("a resource");
        (self.app_role_id.to_ascii_lowercase(), format!("a role of {resource}"))
    }
}

/// What was granted, by the role's id, which is the same in every tenant.
fn grants(tenant: &Tenant, client: &ServicePrincipal) -> BTreeMap<String, String> {
    let mut grants = BTreeMap::new();
    for resource in tenant.principals().map(|resource| &resource.application) {
        for id in tenant.granted(&client.application, resource) {
            let role = resource.app_roles.iter().find(|role| role.id == *id);
            let value = role.and_then(|role| role.value.as_deref()).unwrap_or("no role in particular");
            grants.insert(id.to_string(), format!("{value} of {}", resource.display_name));
        }
    }
    grants
}
