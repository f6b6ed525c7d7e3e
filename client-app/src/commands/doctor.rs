//! `doctor`: checks the way to the resource with the client's settings.

use entra_shared::ids::AppRole;
use entra_shared::settings::SettingsError;
use entra_tools::{ClientSetup, Report, ResourceUrls};

use crate::Settings;

/// Checks the way to the resource, and calls `progress` with each step that takes longer than a second.
///
/// # Errors
/// The settings are unusable. A credential that is unusable is a finding instead.
pub async fn doctor(
    settings: &Settings,
    needed_roles: &[AppRole],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Report, SettingsError> {
    let base_url = &settings.resource.base_url;
    let setup = ClientSetup {
        http: settings.http_client()?,
        token_source: settings.opened_token_source().map_err(|error| error.to_string()),
        ignored_settings: settings.passed_over()?,
        app_id_uri: settings.resource.app_id_uri.clone(),
        resource: ResourceUrls {
            base: base_url.to_string(),
            description: base_url.description(),
            caller: base_url.caller(),
        },
        needed_roles: needed_roles.to_vec(),
    };
    Ok(entra_tools::doctor(setup, progress).await)
}
