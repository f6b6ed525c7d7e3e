//! The guard of the routes under `/api`: authentication before them all, a policy before each.
//!
//! **Invariant:** no request reaches a handler under `/api` without a validated token and a policy that said yes.
//! Four things hold that, each by itself:
//! - A handler gets into [`GuardedRoutes`] only if its first argument is an [`Authorized`], an [`AuthorizedOn`] or an
//!   [`AuthorizedTrying`]; anything else does not compile.
//! - An [`Authorized`] comes to be only by evaluating its policy on a [`Principal`].
//! - A [`Principal`] is attached to a request only by [`guard`]; where it was forgotten, an [`Authorized`] refuses.
//! - An answer from under `/api` whose request never came to the guard is not let out, by [`crate::observation`].

mod app_floods;
mod authorized;
mod open;
mod record;
mod records;
mod routes;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Uri};
use shared::loopback::has_loopback_host;
use tower_http::set_header::SetResponseHeaderLayer;

pub use authorized::{Authorized, AuthorizedOn, AuthorizedTrying};
pub(crate) use open::OpenRoutes;
use record::Record;
pub(crate) use records::Records;
pub use routes::{GuardedRoute, HasPolicy};
pub(crate) use routes::{GuardedRoutes, guarded};
pub(crate) use table::is_below;
pub use table::{Route, RouteError, RouteTable};

use crate::authentication::AuthenticationError;
use crate::error::{ApiError, RequestError};
use crate::principal::Principal;
use crate::state::AppState;

/// Nests routes at `path` and puts the guard on them, as the last thing that is done to them.
///
/// What has no route there is refused like everything else: without a token, nobody learns which paths exist.
pub(crate) fn guard(path: &str, routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let routes = routes
        .fallback(no_route)
        .method_not_allowed_fallback(async || ApiError::from(RequestError::MethodNotAllowed));
    // With a slash behind it and nothing more, the path is none of a nested router's.
    let with_slash = Router::new().route(&format!("{path}/"), any(no_route));
    Router::new().nest(path, behind_guard(routes, state)).merge(behind_guard(with_slash, state))
}

async fn no_route() -> ApiError {
    RequestError::RouteNotFound.into()
}

fn behind_guard(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let no_store =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    routes.layer(from_fn_with_state(state.clone(), authenticate)).layer(no_store)
}

async fn authenticate(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let mut record = Record::new(state, &request);
    let response = match principal(record.state(), request.headers(), request.uri()).await {
        Ok(principal) => {
            request.extensions_mut().insert(record.identify(principal));
            next.run(request).await
        }
        Err(error) => ApiError::from(error).into_response(),
    };
    record.answered(&response);
    response
}

async fn principal(
    state: &AppState,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Principal, AuthenticationError> {
    match (state.authenticator.authenticate(headers, uri.query()).await, &state.development) {
        (Ok(caller), _) => Ok(Principal::of_token(caller)),
        // No header at all: whoever sends one, of whatever kind, is judged by it. And from this machine by name:
        // a web page that had its own name resolve to loopback is not the developer.
        (Err(AuthenticationError::NoCredential), Some(handler))
            if !headers.contains_key(header::AUTHORIZATION) && has_loopback_host(headers) =>
        {
            Ok(Principal::of_development(handler))
        }
        (Err(error), _) => Err(error),
    }
}
