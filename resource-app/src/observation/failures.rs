//! The log of failures inside the app.

use entra_shared::log_limit::LogLimit;

use super::RequestName;
use crate::error::Failure;
use crate::metrics::Answer;
use entra_guard::ProblemCode;

/// How many failures with one code are written between two summaries.
const LINES: u64 = 20;

/// Logs failures, of which callers can cause any number.
#[derive(Debug)]
pub(super) struct Failures(LogLimit<&'static str>);

impl Default for Failures {
    fn default() -> Self {
        Self(LogLimit::new(LINES))
    }
}

impl Failures {
    pub(super) fn write(&self, Failure(error): &Failure, name: &RequestName<'_>, answer: Answer) {
        let code = answer.code.map_or("failed", |ProblemCode(code)| code);
        if !self.0.allows(code) {
            return;
        }
        let (status, method, route) = (answer.status.as_u16(), name.method(), name.route());
        tracing::error!(status, code, error, method, route, request_id = name.request_id(), "failed");
    }

    /// Logs how many lines were suppressed since the last call.
    pub(super) fn sum_up(&self) {
        for (code, left_out) in self.0.take_suppressed() {
            tracing::error!(code, left_out, "more requests failed");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use http_shell::route_names::RouteNames;
    use tower::ServiceExt;

    use crate::error::ApiError;
    use crate::metrics::Metrics;
    use crate::observation::Observer;
    use crate::service::ApiService;
    use crate::store::StoreError;
    use crate::test_log::TestLog;

    #[tokio::test]
    async fn a_flood_of_requests_that_fail_is_summed_up() {
        async fn fails() -> ApiError {
            StoreError::from(sqlx::Error::PoolTimedOut).into()
        }
        let observer = Observer::new(Metrics::new(), RouteNames::default());
        let service = ApiService::new(Router::new().route("/", get(fails)), observer.clone());
        let service = service.into_test_service();
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
