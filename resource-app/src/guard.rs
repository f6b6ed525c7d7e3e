//! The guard of the routes under `/api`: authentication before them all, a policy before each.
//!
//! **Invariant:** no request reaches a handler under `/api` without a validated token and a policy that said yes.
//! Three things hold that, each by itself:
//! - A handler gets into [`GuardedRoutes`] only if its first argument is an [`Authorized`] or an [`AuthorizedOn`];
//!   anything else does not compile.
//! - An [`Authorized`] comes to be only by evaluating its policy on a [`Principal`].
//! - A [`Principal`] is attached to a request only by [`guard`]; where it was forgotten, an [`Authorized`] refuses.

mod authorized;
mod open;
mod record;
mod records;
mod routes;
mod table;
mod verdict;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Uri};
use shared::loopback::has_loopback_host;
use tower_http::set_header::SetResponseHeaderLayer;

pub use authorized::{Authorized, AuthorizedOn};
pub(crate) use open::OpenRoutes;
use record::Record;
pub(crate) use records::Records;
pub use routes::{GuardedRoute, HasPolicy};
pub(crate) use routes::{GuardedRoutes, guarded};
pub use table::{Route, RouteError, RouteTable};

use crate::authentication::AuthenticationError;
use crate::error::{ApiError, RequestError};
use crate::principal::Principal;
use crate::state::AppState;

/// Puts the guard on routes, as the last thing that is done to them.
///
/// What has no route here is refused like everything else: without a token, nobody learns which paths exist.
pub(crate) fn guard(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    let no_store =
        SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    routes
        .fallback(async || ApiError::from(RequestError::RouteNotFound))
        .method_not_allowed_fallback(async || ApiError::from(RequestError::MethodNotAllowed))
        .layer(from_fn_with_state(state.clone(), authenticate))
        .layer(no_store)
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Body;
    use http::StatusCode;
    use reqwest::Client;
    use tower::ServiceExt;

    use super::*;
    use crate::metrics::Metrics;
    use crate::router::api;
    use crate::settings::Settings;
    use crate::state::Parts;
    use crate::store::Store;

    async fn state(folder: &std::path::Path) -> AppState {
        let url = format!("sqlite://{}/resources.db", folder.display());
        let environment = [("STORE__URL", url.as_str()), ("AZURE_AD__INSTANCE", "https://127.0.0.1:1")];
        let settings = Settings::load(None, environment.into_iter().collect()).unwrap();
        AppState::from(Parts {
            records: Arc::new(Records::new(&settings.authorization, Metrics::new())),
            authenticator: Arc::new(crate::azure_ad::authentication(&settings, Client::new())),
            policies: Arc::new(api().unwrap().policies().clone()),
            development: None,
            store: Store::open(&settings.store).await.unwrap(),
        })
    }

    /// Asks every guarded route of `router`, and returns what they all answer.
    async fn statuses(router: &Router) -> Vec<StatusCode> {
        let mut statuses = Vec::new();
        for route in api().unwrap().table() {
            let path = route.path.replace("{id}", "0191c7d0-6f5e-7c3a-9f9b-1c2d3e4f5a6b");
            let request = Request::builder().method(&route.method).uri(path).body(Body::empty()).unwrap();
            statuses.push(router.clone().oneshot(request).await.unwrap().status());
        }
        statuses
    }

    #[tokio::test]
    async fn routes_whose_guard_was_forgotten_refuse_every_request() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path()).await;
        let (unguarded, _) = api().unwrap().into_parts("/api");
        let statuses_without = statuses(&unguarded.clone().with_state(state.clone())).await;
        assert_eq!(statuses_without, [StatusCode::INTERNAL_SERVER_ERROR; 6]);
        let statuses_with = statuses(&guard(unguarded, &state).with_state(state)).await;
        assert_eq!(statuses_with, [StatusCode::UNAUTHORIZED; 6]);
    }
}
