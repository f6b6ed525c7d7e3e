//! The command `doctor`: diagnoses access to the resource with the client's settings.

use client_app::Settings;
use entra_shared::ids::AppRole;
use entra_shared::settings::SettingsError;
use entra_tools::{ClientSetup, Report, ResourceUrls};

/// Diagnoses access to the resource; calls `progress` for each step that takes longer than a second.
/// An unusable credential is a finding of the report, not an error.
pub(crate) async fn doctor(
    settings: &Settings,
    needed_roles: &[AppRole],
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Report, SettingsError> {
    let (azure_ad, app_id_uri) = (&settings.azure_ad, settings.resource.app_id_uri.clone());
    let base_url = &settings.resource.base_url;
    let setup = ClientSetup {
        http: settings.http_client()?,
        token_source: azure_ad
            .unvalidated_token_source(app_id_uri.clone())
            .map_err(|error| error.to_string()),
        ignored_settings: azure_ad.ignored(),
        app_id_uri,
        resource: ResourceUrls {
            base: base_url.to_string(),
            description: base_url.join("/openapi.json"),
            caller: base_url.join("/api/caller"),
        },
        needed_roles: needed_roles.to_vec(),
    };
    Ok(entra_tools::doctor(setup, progress).await)
}
