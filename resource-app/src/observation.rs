//! What is kept of every request: an id, a number in the metrics, and a line in the log for what failed in here.
//!
//! The span is at debug: making one costs more than everything else here, and what is logged above debug names its
//! request itself.

mod failures;
mod passage;
mod request_name;
mod route_names;

use std::sync::Arc;

use axum::extract::Request;
use axum::response::Response;
use entra_shared::correlation::REQUEST_ID;
use http_shell::route_names::RouteNames;

use crate::error::{Code, Failure};
use crate::metrics::{Answer, Metrics};
use failures::Failures;
pub(crate) use passage::Passage;
pub(crate) use request_name::RequestName;
pub(crate) use route_names::route_names;

/// Names requests and counts them. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    metrics: Metrics,
    routes: Arc<RouteNames>,
    failures: Arc<Failures>,
}

impl Observer {
    /// One that calls routes by these names.
    pub(crate) fn new(metrics: Metrics, routes: RouteNames) -> Self {
        Self { metrics, routes: Arc::new(routes), failures: Arc::default() }
    }

    /// A request has come.
    pub(crate) fn begin(&self, request: &Request) -> Passage<'_> {
        Passage::new(RequestName::new(request, &self.routes))
    }

    /// The request was answered: counts it, writes down what failed, and names it in the answer.
    pub(crate) fn end(&self, passage: Passage<'_>, response: &mut Response) {
        let (name, elapsed) = (passage.name(), passage.elapsed());
        let answer = Answer { status: response.status(), code: response.extensions().get::<Code>().copied() };
        self.metrics.request(name, answer, elapsed);
        if let Some(failure) = response.extensions_mut().remove::<Failure>() {
            self.failures.write(&failure, name, answer);
        }
        let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let code = answer.code.map(|Code(code)| code);
        tracing::debug!(status = answer.status.as_u16(), code, microseconds, "answered");
        response.headers_mut().insert(REQUEST_ID, passage.into_request_id().into());
    }

    /// Does what is due now and then: folds samples, and says what the log left out.
    pub(crate) fn upkeep(&self) {
        self.metrics.upkeep();
        self.failures.sum_up();
    }
}
