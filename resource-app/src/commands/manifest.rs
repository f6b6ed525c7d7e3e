//! `resource-app manifest`

use std::path::Path;
use std::process::ExitCode;

use entra_guard::AppRole;
use entra_shared::one_line;
use entra_shared::settings::SettingsError;
use entra_tools::{DeclaredRole, app_role_drift, app_roles};
use http_shell::process::{self, print};
use resource_app::Settings;

use crate::arguments::Manifest;

/// Prints the API's app roles, or the differences from an exported manifest.
pub(crate) fn manifest(arguments: &Manifest, settings: &Settings) -> anyhow::Result<ExitCode> {
    let declare =
        |role: &AppRole| DeclaredRole { id: role.id(), value: role.value(), description: role.description() };
    let table = resource_app::routes(settings)?;
    let roles: Vec<_> = table.app_roles().iter().map(declare).collect();
    if let Some(file) = &arguments.check {
        return check(file, &roles);
    }
    print(&format!("{}\n", serde_json::to_string_pretty(&app_roles(&roles))?))?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path, roles: &[DeclaredRole<'_>]) -> anyhow::Result<ExitCode> {
    let unusable = |problem| SettingsError::File { file: file.display().to_string(), problem };
    let exported = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let differences = app_role_drift(roles, &exported).map_err(|error| unusable(one_line(&error)))?;
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    Ok(ExitCode::from(if differences.is_empty() { 0 } else { process::FAILED }))
}
