//! `resource-app routes`

use std::process::ExitCode;

use http_shell::process::print;
use resource_app::Settings;

use crate::arguments::Routes;

/// Prints all routes with their policies.
pub(crate) fn routes(arguments: &Routes, settings: &Settings) -> anyhow::Result<ExitCode> {
    let table = resource_app::routes(settings)?;
    if arguments.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&table)?))?;
    } else {
        print(&table.to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}
