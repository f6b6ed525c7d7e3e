//! The routes of the app and the new one.

use entra_guard::GuardedRoutes;
use resource_app::AppState;
use resource_app::settings::AuthorizationSettings;
use utoipa_axum::routes;

use super::archive;

/// Returns the guarded routes.
pub(crate) fn api(settings: &AuthorizationSettings) -> GuardedRoutes<AppState> {
    resource_app::api(settings).described(routes!(archive::archive), archive::archive)
}
