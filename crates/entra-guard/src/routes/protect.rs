//! Reserves a path prefix for guarded routes.

use std::convert::Infallible;
use std::future::Ready;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use tower::Service;

use super::pipeline::{Target, run};
use super::{GuardedRoutes, RouteError, path};
use crate::answers::Refusal;
use crate::guard::Guard;

/// Forwards a request by its path alone, so that no route of `app` can lie below the prefix.
#[derive(Clone)]
struct Split {
    prefix: String,
    guarded: Router,
    app: Router,
}

impl Guard {
    /// Serves these routes below `prefix`, and `app` for every other path.
    ///
    /// A path below the prefix never reaches `app`. If it has no route, the response is 401 without a valid token and
    /// 404 with one.
    ///
    /// # Errors
    ///
    /// The prefix is not a path such as `/api`, or [`GuardedRoutes::into_router`] fails.
    pub fn protect(&self, prefix: &str, routes: GuardedRoutes, app: Router) -> Result<Router, RouteError> {
        if routes.guard.as_ref().is_some_and(|other| !self.is_clone_of(other)) {
            return Err(RouteError::OtherGuard);
        }
        if !is_prefix(prefix) {
            return Err(RouteError::InvalidPrefix(prefix.to_owned()));
        }
        let guard = self.clone();
        let no_route = async move |request: Request| {
            let target: Target<fn(Request) -> Ready<Response>> = Err(Refusal::RouteNotFound);
            run(guard.inner(), request, false, target).await
        };
        let guarded = path::router(self, prefix, routes)?.fallback(no_route);
        Ok(Router::new().fallback_service(Split { prefix: prefix.to_owned(), guarded, app }))
    }
}

impl Service<Request> for Split {
    type Response = Response;
    type Error = Infallible;
    type Future = RouteFuture<Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A router is always ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> RouteFuture<Infallible> {
        let is_guarded = is_below(request.uri().path(), &self.prefix);
        if is_guarded { self.guarded.call(request) } else { self.app.call(request) }
    }
}

/// Returns whether a path is `prefix` or lies below it.
fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Returns whether a text is a path of plain segments, such as `/api`.
fn is_prefix(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let is_segment = |segment: &str| !segment.is_empty() && segment.bytes().all(is_plain);
    text.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_at_a_segment() {
        for (path, below) in [
            ("/api", true),
            ("/api/", true),
            ("/api/x", true),
            ("/apis", false),
            ("/API/x", false),
            ("/", false),
        ] {
            assert_eq!(is_below(path, "/api"), below, "{path}");
        }
        for (prefix, valid) in [
            ("/api", true),
            ("/api/v1", true),
            ("", false),
            ("/", false),
            ("api", false),
            ("/api/", false),
            ("/{x}", false),
        ] {
            assert_eq!(is_prefix(prefix), valid, "{prefix}");
        }
    }
}
