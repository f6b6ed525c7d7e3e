//! What surrounds every request: an id, a number in the metrics, and a line in the log for what failed in here.
//!
//! The span is at debug: making one costs more than everything else here, and what is logged above debug names its
//! request itself.

mod failures;
mod passage;
mod request_name;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::correlation::REQUEST_ID;
use tracing::Instrument;

use crate::error::{ApiError, Code, Failure};
use crate::guard::is_below;
use crate::metrics::{Answer, Metrics};
use crate::router::API;
use failures::Failures;
pub(crate) use passage::Passage;
use request_name::RequestIds;
pub(crate) use request_name::RequestName;

/// Names requests and counts them. Clones count together.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    metrics: Metrics,
    ids: Arc<RequestIds>,
    failures: Arc<Failures>,
}

impl Observer {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { metrics, ids: Arc::default(), failures: Arc::default() }
    }

    /// Does what is due now and then: folds samples, and says what the log left out.
    pub(crate) fn upkeep(&self) {
        self.metrics.upkeep();
        self.failures.sum_up();
    }
}

/// Names the request in the log and in the answer, and counts it.
///
/// What comes back from under `/api` without having come to the guard is not let out: a route that was added past
/// [`crate::guard`], where the check at the start does not see it, answers 500.
pub(crate) async fn observe(State(observer): State<Observer>, mut request: Request, next: Next) -> Response {
    let start = Instant::now();
    let passage = Passage::new(RequestName::of(&request, &observer.ids));
    let needs_guard = is_below(request.uri().path(), API);
    request.extensions_mut().insert(passage.clone());
    let name = passage.name();
    let span = tracing::debug_span!(
        "request",
        method = name.method(),
        route = name.route(),
        request_id = name.request_id()
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    if needs_guard && !passage.reached_guard() {
        response = ApiError::Unguarded.into_response();
    }
    let answer = Answer { status: response.status(), code: response.extensions().get::<Code>().copied() };
    observer.metrics.request(name, answer, start.elapsed());
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        observer.failures.write(&failure, name, answer);
    }
    span.in_scope(|| {
        let microseconds = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let code = answer.code.map(|Code(code)| code);
        tracing::debug!(status = answer.status.as_u16(), code, microseconds, "answered");
    });
    response.headers_mut().insert(REQUEST_ID, passage.into_name().into_id());
    response
}
