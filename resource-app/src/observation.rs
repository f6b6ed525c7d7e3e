//! Observes every request: its id, its metrics, and a log line if the app failed.
//!
//! The span has level debug, since creating it costs more than everything else here. Events above debug name their
//! request themselves.

mod failures;
mod request_context;
mod request_name;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use entra_guard::ProblemCode;
use entra_shared::correlation::REQUEST_ID;
use http_shell::route_names::RouteNames;

use crate::error::Failure;
use crate::metrics::{Answer, Metrics};
use failures::Failures;
pub(crate) use request_context::RequestContext;
pub(crate) use request_name::RequestName;

/// Names and counts requests. Clones share their counts.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    metrics: Metrics,
    routes: Arc<RouteNames>,
    failures: Arc<Failures>,
}

impl Observer {
    /// Creates an observer with these route names.
    pub(crate) fn new(metrics: Metrics, routes: RouteNames) -> Self {
        Self { metrics, routes: Arc::new(routes), failures: Arc::default() }
    }

    /// Begins the observation of a request.
    pub(crate) fn begin(&self, request: &Request) -> RequestContext<'_> {
        RequestContext::new(RequestName::new(request, &self.routes))
    }

    /// Ends the observation: counts the request, logs a failure, and adds the request id to the answer.
    pub(crate) fn end(&self, context: RequestContext<'_>, response: &mut Response) {
        let (name, elapsed) = (context.name(), context.elapsed());
        let answer =
            Answer { status: response.status(), code: response.extensions().get::<ProblemCode>().copied() };
        self.metrics.request(name, answer, elapsed);
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            self.failures.write(&failure, name, answer);
        }
        let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let code = answer.code.map(|ProblemCode(code)| code);
        tracing::debug!(status = answer.status.as_u16(), code, microseconds, "answered");
        response.headers_mut().insert(REQUEST_ID, context.into_request_id().into());
    }

    /// Folds samples and logs how many lines were suppressed; call it regularly.
    pub(crate) fn upkeep(&self) {
        self.metrics.upkeep();
        self.failures.sum_up();
    }
}
