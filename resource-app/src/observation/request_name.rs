//! What logs and metrics call a request by.

use axum::extract::Request;
use entra_shared::correlation::RequestId;
use http_shell::metrics::method_label;
use http_shell::route_names::RouteNames;

/// What logs and metrics call a request by: nothing that a caller makes up, except for an id that is a plain word.
#[derive(Debug)]
pub(crate) struct RequestName<'r> {
    method: &'static str,
    route: Option<&'r str>,
    id: RequestId,
}

impl<'r> RequestName<'r> {
    pub(super) fn new(request: &Request, routes: &'r RouteNames) -> Self {
        // The template, since a path holds what callers make up; and no query, since somebody may put a token there.
        let route = routes.find(request.uri().path());
        // The caller's id where it can be taken over, so that logs of several services can be joined.
        Self { method: method_label(request.method()), route, id: RequestId::from_headers(request.headers()) }
    }

    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    pub(crate) fn route(&self) -> &str {
        self.route.unwrap_or("unmatched")
    }

    /// Whether the path is one of a route.
    pub(crate) fn has_route(&self) -> bool {
        self.route.is_some()
    }

    pub(crate) fn request_id(&self) -> &str {
        self.id.as_str()
    }

    pub(super) fn into_request_id(self) -> RequestId {
        self.id
    }
}
