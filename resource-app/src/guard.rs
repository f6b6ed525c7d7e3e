//! The guard of what lies under `/api`: authentication before all of it, a policy before each handler.
//!
//! **Invariant:** no request reaches a handler under `/api` without a validated token and a policy that said yes.
//! Four things hold that:
//! - [`guard`] stands before the router and goes by the path alone, so that no route can be added past it. It routes
//!   nothing but the paths of [`GuardedRoutes`], as the [`RouteTable`] has them.
//! - A handler gets into [`GuardedRoutes`] only if its first argument is an [`Authorized`], an [`AuthorizedOn`] or an
//!   [`AuthorizedTrying`]; anything else does not compile.
//! - An [`Authorized`] comes to be only by evaluating its policy on a [`Principal`], which only [`guard`] attaches.
//! - What a handler answers without a policy's yes is not let out.

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
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use entra_shared::loopback::has_loopback_host;
use http::header::{self, HeaderValue};
use http::{HeaderMap, Uri};

pub use authorized::{Authorized, AuthorizedOn, AuthorizedTrying};
pub(crate) use open::OpenRoutes;
use record::Record;
pub(crate) use records::Records;
pub use routes::{GuardedRoute, HasPolicy};
pub(crate) use routes::{GuardedRoutes, guarded};
pub(crate) use table::is_below;
pub use table::{Route, RouteError, RouteTable};

use crate::error::{ApiError, RequestError};
use crate::observation::RequestContext;
use crate::principal::Principal;
use crate::router::answer;
use crate::state::AppState;
use entra_guard::authentication::AuthenticationError;

/// Lets a request that comes from somebody on to its route, and the answer out where a policy granted that.
///
/// What has no route is refused like everything else: without a token, nobody learns which paths exist.
pub(crate) async fn guard(
    state: &AppState,
    routes: Router,
    mut request: Request,
    context: &RequestContext<'_>,
) -> Response {
    let mut record = Record::new(state, context);
    let mut response = match principal(state, request.headers(), request.uri()).await {
        Ok(principal) => {
            request.extensions_mut().insert(record.identify(principal));
            if context.name().has_route() {
                let response = answer(routes, request).await;
                if record.lets_out(&response) { response } else { ApiError::Unguarded.into_response() }
            } else {
                RequestError::RouteNotFound.into_response()
            }
        }
        Err(error) => ApiError::from(error).into_response(),
    };
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
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
            if !headers.contains_key(header::AUTHORIZATION) && has_loopback_host(uri, headers) =>
        {
            Ok(Principal::of_development(handler))
        }
        (Err(error), _) => Err(error),
    }
}
