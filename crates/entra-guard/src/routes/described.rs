//! Routes that `#[utoipa::path]` describes.

use axum::handler::Handler;
use http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, OpenApiBuilder, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{GuardedRoutes, HasPolicy, RouteGuard};
use crate::AppRole;
use crate::policy::Demands;

/// The name of the security scheme that operations refer to.
pub const SECURITY_SCHEME: &str = "entra";

pub(super) fn empty() -> OpenApi {
    OpenApiBuilder::new().build()
}

impl<S: Clone + Send + Sync + 'static> GuardedRoutes<S> {
    /// Adds a handler at the path and method of its description: `routes.described(routes!(list), list)`.
    ///
    /// The policy comes from the handler's type, as for [`GuardedRoutes::get`]; its roles go into the description.
    #[must_use]
    pub fn described<H, T>(mut self, (schemas, mut paths, methods): UtoipaMethodRouter<S>, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: HasPolicy + 'static,
    {
        let mut routes = Vec::new();
        for (path, item) in &mut paths.paths {
            for (method, operation) in operations(item) {
                let found = T::Guard::rules(&method, &Demands::default());
                let roles = found.map(|rules| rules.caller.roles()).unwrap_or_default();
                operation.security = Some(vec![security(&roles)]);
                routes.push((method, path.clone()));
            }
        }
        let (_, description) = OpenApiRouter::new().routes((schemas, paths, methods)).split_for_parts();
        self.description.merge(description);
        routes
            .into_iter()
            .fold(self, move |table, (method, path)| table.route(method, &path, handler.clone()))
    }

    /// Returns the description of the routes, each path below `prefix`.
    #[must_use]
    pub fn description(&self, prefix: &str) -> OpenApi {
        empty().nest(prefix, self.description.clone())
    }
}

fn security(roles: &[AppRole]) -> SecurityRequirement {
    SecurityRequirement::new(SECURITY_SCHEME, roles.iter().map(AppRole::value))
}

/// Returns the operations of a path, for every method that a description can have.
fn operations(item: &mut PathItem) -> Vec<(Method, &mut Operation)> {
    let all = [
        (Method::GET, item.get.as_mut()),
        (Method::PUT, item.put.as_mut()),
        (Method::POST, item.post.as_mut()),
        (Method::DELETE, item.delete.as_mut()),
        (Method::PATCH, item.patch.as_mut()),
        (Method::HEAD, item.head.as_mut()),
        (Method::OPTIONS, item.options.as_mut()),
        (Method::TRACE, item.trace.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation?))).collect()
}
