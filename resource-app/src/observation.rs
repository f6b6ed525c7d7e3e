//! Gives every request an id, counts it, and logs a line if the app failed.
//!
//! The span has level debug, since creating it costs more than everything else here. Events above debug name their
//! request themselves.

use std::convert::Infallible;
use std::sync::Arc;

use axum::BoxError;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use entra_guard::ProblemCode;
use entra_shared::correlation::{REQUEST_ID, RequestId};
use entra_shared::log_limit::LogLimit;
use http_shell::metrics::method_label;
use http_shell::route_names::RouteNames;
use tokio::time::Instant;
use tower::{Service, ServiceExt};
use tracing::Instrument;

use crate::error::Failure;
use crate::metrics::Metrics;

/// How many failures with one code are logged between two summaries.
const FAILURES: u64 = 20;

/// Names and counts requests. Clones share their counts.
#[derive(Debug, Clone)]
pub(crate) struct Observer {
    metrics: Metrics,
    routes: Arc<RouteNames>,
    /// Limits the log of failures, of which callers can cause any number.
    failures: Arc<LogLimit<&'static str>>,
}

impl Observer {
    /// Creates an observer with these route names.
    pub(crate) fn new(metrics: Metrics, routes: RouteNames) -> Self {
        Self { metrics, routes: Arc::new(routes), failures: Arc::new(LogLimit::new(FAILURES)) }
    }

    /// Answers a request with `service`, counts it, logs a failure, and adds the request id to the answer.
    pub(crate) async fn observe<S, B>(&self, service: S, mut request: Request) -> Response
    where
        S: Service<Request, Response = Response<B>, Error = Infallible>,
        B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let start = Instant::now();
        let method = method_label(request.method());
        // The template, since callers choose the path; no query, since it may contain a token.
        let route = self.routes.find(request.uri().path()).unwrap_or("unmatched");
        // The caller's id if it is well-formed, so that the logs of several services can be joined.
        let id = RequestId::from_headers(request.headers());
        request.headers_mut().insert(REQUEST_ID, id.header_value());
        let span = tracing::debug_span!("request", method, route, request_id = id.as_str());
        let Ok(response) = service.oneshot(request).instrument(span.clone()).await;
        let mut response = response.map(Body::new);

        let (status, elapsed) = (response.status(), start.elapsed());
        let code = response.extensions().get().map(|ProblemCode(code)| *code);
        self.metrics.record_request((method, route), (status, code), elapsed);
        if let Some(Failure(error)) = response.extensions_mut().remove() {
            let code = code.unwrap_or("failed");
            if self.failures.allows(code) {
                let (status, request_id) = (status.as_u16(), id.as_str());
                span.in_scope(|| tracing::error!(status, code, error, method, route, request_id, "failed"));
            }
        }
        let microseconds = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        span.in_scope(|| tracing::debug!(status = status.as_u16(), code, microseconds, "answered"));
        response.headers_mut().insert(REQUEST_ID, id.into());
        response
    }

    /// Folds samples and logs how many lines were suppressed; call it regularly.
    pub(crate) fn upkeep(&self) {
        self.metrics.upkeep();
        for (code, left_out) in self.failures.take_suppressed() {
            tracing::error!(code, left_out, "more requests failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;

    use super::*;
    use crate::error::ApiError;
    use crate::service;
    use crate::store::StoreError;
    use crate::test_log::TestLog;

    #[tokio::test]
    async fn a_flood_of_requests_that_fail_is_summed_up() {
        async fn fails() -> ApiError {
            StoreError::from(sqlx::Error::PoolTimedOut).into()
        }
        let observer = Observer::new(Metrics::new(), RouteNames::default());
        let service = service::service(Router::new().route("/", get(fails)), observer.clone());
        let (log, _guard) = TestLog::start();
        for _ in 0..2000 {
            let response = service.clone().oneshot(Request::new(Body::empty())).await.unwrap();
            assert_eq!(response.status(), 503);
        }
        observer.upkeep();
        let written = log.named("failed");
        assert!((1..100).contains(&written.len()), "{}", written.len());
        assert!(written[0]["error"].as_str().unwrap().starts_with("the store failed: "), "{}", written[0]);
        let summaries = log.named("more requests failed");
        assert_eq!(summaries.len(), 1);
        assert_eq!(summaries[0]["left_out"].as_u64(), Some(2000 - written.len() as u64));
    }
}
