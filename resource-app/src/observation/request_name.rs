//! The name of a request in logs and metrics.

use axum::extract::Request;
use entra_shared::correlation::RequestId;
use http::HeaderValue;
use http_shell::metrics::method_label;
use http_shell::route_names::RouteNames;

/// The name of a request in logs and metrics. Callers can choose only the id, within its syntax.
#[derive(Debug)]
pub(crate) struct RequestName<'r> {
    method: &'static str,
    route: Option<&'r str>,
    id: RequestId,
}

impl<'r> RequestName<'r> {
    pub(super) fn new(request: &Request, routes: &'r RouteNames) -> Self {
        // The template, since callers choose the path; no query, since it may contain a token.
        let route = routes.find(request.uri().path());
        // The caller's id if it is well-formed, so that the logs of several services can be joined.
        Self { method: method_label(request.method()), route, id: RequestId::from_headers(request.headers()) }
    }

    pub(crate) fn method(&self) -> &'static str {
        self.method
    }

    pub(crate) fn route(&self) -> &str {
        self.route.unwrap_or("unmatched")
    }

    pub(crate) fn request_id(&self) -> &str {
        self.id.as_str()
    }

    pub(crate) fn header_value(&self) -> HeaderValue {
        self.id.header_value()
    }

    pub(super) fn into_request_id(self) -> RequestId {
        self.id
    }
}
