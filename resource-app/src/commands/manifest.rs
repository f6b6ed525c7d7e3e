//! `resource-app manifest`

use std::path::Path;
use std::process::ExitCode;

use entra_guard::authorization::{app_roles, differences};
use entra_shared::one_line;
use entra_shared::settings::SettingsError;
use http_shell::process;

use super::print;
use crate::arguments::Manifest;

/// Prints the app roles, or how those of an exported manifest differ.
pub(crate) fn manifest(arguments: &Manifest) -> anyhow::Result<ExitCode> {
    if let Some(file) = &arguments.check {
        return check(file);
    }
    print(&format!("{}\n", serde_json::to_string_pretty(&app_roles())?))?;
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path) -> anyhow::Result<ExitCode> {
    let unusable = |problem| SettingsError::File { file: file.display().to_string(), problem };
    let exported = std::fs::read_to_string(file).map_err(|error| unusable(error.to_string()))?;
    let differences = differences(&exported).map_err(|error| unusable(one_line(&error)))?;
    for difference in &differences {
        print(&format!("{difference}\n"))?;
    }
    Ok(ExitCode::from(if differences.is_empty() { 0 } else { process::FAILED }))
}
