//! All routes.

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use futures_util::FutureExt;
use tower::Service;
use utoipa_axum::routes;

use crate::error::{ApiError, RequestError};
use crate::guard::{GuardedRoutes, OpenRoutes, RouteError, RouteTable, guarded};
use crate::resources;
use crate::state::AppState;
use crate::{caller, health, openapi};
use entra_guard::authorization::{Policies, PolicyError};

/// Where the guarded routes are.
pub(crate) const API: &str = "/api";

/// The routes under [`API`]; each handler names its policy.
pub(crate) fn api() -> Result<GuardedRoutes, PolicyError> {
    Ok(guarded!(
        GuardedRoutes::new(),
        resources::list,
        resources::create,
        resources::read,
        resources::replace,
        resources::delete,
        caller::show,
    ))
}

/// The routes that anybody may call.
pub(crate) fn open() -> OpenRoutes {
    OpenRoutes::new().add(routes!(health::live)).add(routes!(health::ready)).add_pages(&openapi::PATHS)
}

/// Which of these policies guards what.
pub(crate) fn table(policies: &Policies) -> Result<RouteTable, RouteError> {
    RouteTable::new(API, api()?.table(), open().table(), policies)
}

/// What the routes answer.
pub(crate) fn answer(mut routes: Router, request: Request) -> impl Future<Output = Response> {
    // A router is always ready, and answers whatever goes wrong.
    routes.call(request).map(|Ok(response)| response)
}

/// The routes, of which those under [`API`] refuse everybody without [`crate::guard`].
pub(crate) fn router(api: GuardedRoutes, state: AppState) -> Router {
    let (api, description) = api.into_parts();
    let (open, open_description) = open().into_parts();
    let description = openapi::describe(description.merge_from(open_description));
    open.merge(openapi::routes(description))
        .merge(api)
        .fallback(async || ApiError::from(RequestError::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(RequestError::MethodNotAllowed))
        .with_state(state)
}
