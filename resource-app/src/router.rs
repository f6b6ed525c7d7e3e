//! The routes of the app.

use axum::Router;
use entra_guard::{Guard, GuardedRoutes, RouteError, RouteTable};
use http::Method;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::{ApiError, RequestError};
use crate::settings::AuthorizationSettings;
use crate::state::AppState;
use crate::{azure_ad, caller, health, openapi, resources};

/// The prefix of the guarded routes.
pub(crate) const API: &str = "/api";

/// Returns the guarded routes, below `/api`; each handler's type names its policy.
#[must_use]
pub fn api(settings: &AuthorizationSettings) -> GuardedRoutes<AppState> {
    GuardedRoutes::new()
        .described(routes!(resources::list), resources::list)
        .described(routes!(resources::create), resources::create)
        .described(routes!(resources::read), resources::read)
        .described(routes!(resources::replace), resources::replace)
        .described(routes!(resources::delete), resources::delete)
        .described(routes!(caller::show), caller::show)
        .demand(azure_ad::authorization(settings))
}

/// Returns the routes that need no token.
fn open() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(health::live)).routes(routes!(health::ready))
}

/// Returns all routes of the app with these guarded ones, and their policies.
///
/// # Errors
/// The routes contradict each other or the settings.
pub fn table(api: &GuardedRoutes<AppState>) -> Result<RouteTable, RouteError> {
    let (_, description) = open().split_for_parts();
    let open = description.paths.paths.into_keys().chain(openapi::PATHS.map(str::to_owned));
    Ok(open.fold(api.table()?.below(API), |table, path| table.with_open(Method::GET, path)))
}

/// Builds the router of all routes, with the guard in front of those below [`API`].
pub(crate) fn router(
    guard: &Guard,
    api: GuardedRoutes<AppState>,
    state: AppState,
) -> Result<Router, RouteError> {
    let roles = api.table()?.app_roles().to_vec();
    let (open, open_description) = open().split_for_parts();
    let description = openapi::describe(api.description(API).merge_from(open_description), &roles);
    let app = open
        .merge(openapi::routes(description))
        .fallback(async || ApiError::from(RequestError::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(RequestError::MethodNotAllowed))
        .with_state(state.clone());
    guard.protect(API, api.with_state(state), app)
}
