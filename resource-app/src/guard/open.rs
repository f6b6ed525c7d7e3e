//! Routes that anybody may call, and that say so.

use axum::Router;
use http::Method;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::routes::operations;
use crate::state::AppState;

/// Routes that anybody may call, with their table: the check at the start sees each of them.
pub(crate) struct OpenRoutes {
    router: OpenApiRouter<AppState>,
    table: Vec<(Method, String)>,
}

impl OpenRoutes {
    pub(crate) fn new() -> Self {
        Self { router: OpenApiRouter::new(), table: Vec::new() }
    }

    /// Adds a handler where its description says.
    pub(crate) fn add(mut self, (schemas, mut paths, methods): UtoipaMethodRouter<AppState>) -> Self {
        for (path, item) in &mut paths.paths {
            let methods = operations(item).into_iter().map(|(method, ..)| (method, path.clone()));
            self.table.extend(methods);
        }
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    /// Adds pages that the description leaves out, at these paths and below them.
    pub(crate) fn add_pages(mut self, paths: &[&str]) -> Self {
        self.table.extend(paths.iter().map(|path| (Method::GET, (*path).to_owned())));
        self
    }

    /// Which method and path is open.
    pub(crate) fn table(&self) -> &[(Method, String)] {
        &self.table
    }

    /// The routes and their description.
    pub(crate) fn into_parts(self) -> (Router<AppState>, OpenApi) {
        self.router.split_for_parts()
    }
}

#[cfg(test)]
mod tests {
    use utoipa_axum::routes;

    use super::*;

    #[utoipa::path(method(get, put, post, delete, patch, head, options, trace), path = "/x")]
    async fn every_method() {}

    #[test]
    fn the_table_lists_a_route_of_whatever_method() {
        let routes = OpenRoutes::new().add(routes!(every_method));
        let mut methods: Vec<&str> = routes.table().iter().map(|(method, _)| method.as_str()).collect();
        methods.sort_unstable();
        assert_eq!(methods, ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"]);
    }
}
