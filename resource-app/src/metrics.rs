//! Metrics for Prometheus, one registry an app, since several apps can run in one process.
//!
//! Labels are bounded: route templates, known methods, statuses and codes, never text from a caller.

mod handle_cache;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http_shell::metrics::Recorder;
use http_shell::server::ConnectionCounts;
use metrics::{
    Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::observation::RequestName;
use crate::store::Store;
use entra_guard::authentication::VerifiedTokenStatus;
use entra_guard::authentication::keys::KeyStatus;
use entra_guard::{DecisionObserver, Guard, ProblemCode};
use handle_cache::HandleCache;

/// The metrics of one app. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    recorder: Recorder,
    handles: Arc<Handles>,
}

/// Cached handles of the metrics that each request changes.
#[derive(Default)]
struct Handles {
    routes: HandleCache<Box<str>, RouteHandles>,
    problems: HandleCache<&'static str, Counter>,
    decisions: HandleCache<(&'static str, &'static str), Counter>,
}

/// The handles of one route, by method and status.
type RouteHandles = HandleCache<(&'static str, u16), (Counter, Histogram)>;

impl Metrics {
    pub(crate) fn new() -> Self {
        Self { recorder: Recorder::new(describe), handles: Arc::default() }
    }

    /// Counts an answered request.
    pub(crate) fn request(&self, name: &RequestName<'_>, answer: Answer, elapsed: Duration) {
        let key = (name.method(), answer.status.as_u16());
        let count = |(counter, histogram): &(Counter, Histogram)| {
            counter.increment(1);
            histogram.record(elapsed.as_secs_f64());
        };
        let route_handles =
            |route: &RouteHandles| route.with(&key, || (key, self.request_handles(name, answer)), count);
        self.handles.routes.with(
            name.route(),
            || (name.route().into(), RouteHandles::default()),
            route_handles,
        );
        if let Some(ProblemCode(code)) = answer.code {
            let make = || (code, self.record(|| counter!("problems_total", "code" => code)));
            self.handles.problems.with(code, make, |counter| counter.increment(1));
        }
    }

    /// Folds samples into their buckets.
    pub(crate) fn upkeep(&self) {
        self.recorder.upkeep();
    }

    /// Returns the router of `GET /metrics`.
    pub(crate) fn routes(&self, guard: Guard, store: Store, connections: Arc<ConnectionCounts>) -> Router {
        let metrics = self.clone();
        let render = async move || {
            metrics.record(|| {
                let status = guard.status();
                report_keys(status.keys);
                report_verified_tokens(status.verified_tokens);
                counter!("unreadable_resources_total").absolute(store.unreadable());
                report_connections(&connections);
            });
            metrics.recorder.render()
        };
        Router::new().route("/metrics", get(render))
    }

    fn request_handles(&self, name: &RequestName<'_>, answer: Answer) -> (Counter, Histogram) {
        let (method, route) = (name.method(), name.route().to_owned());
        let status = answer.status.as_str().to_owned();
        self.record(|| {
            let labels = [("method", method.to_owned()), ("route", route.clone()), ("status", status)];
            (
                counter!("http_requests_total", &labels),
                histogram!("http_request_duration_seconds", "method" => method, "route" => route),
            )
        })
    }

    fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        self.recorder.record(record)
    }
}

impl DecisionObserver for Metrics {
    fn decided(&self, reason: &'static str, policy: Option<&'static str>) {
        let policy = policy.unwrap_or("none");
        let counter = || self.record(|| counter!("decisions_total", "reason" => reason, "policy" => policy));
        let key = (reason, policy);
        self.handles.decisions.with(&key, || (key, counter()), |counter| counter.increment(1));
    }

    fn would_deny(&self, reason: &'static str, policy: &'static str) {
        let counter = self.record(|| counter!("would_deny_total", "reason" => reason, "policy" => policy));
        counter.increment(1);
    }
}

/// The counted properties of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) code: Option<ProblemCode>,
}

fn describe() {
    describe_counter!("http_requests_total", "Requests answered.");
    describe_histogram!("http_request_duration_seconds", "Seconds from a request's header to its answer's.");
    describe_counter!("problems_total", "Requests answered with a problem, by its code.");
    describe_counter!(
        "decisions_total",
        "Requests under /api, by the reason of the decision and its policy."
    );
    describe_counter!("would_deny_total", "Denials by requirements that are only reported.");
    describe_gauge!("signing_keys", "Keys that tokens can be verified with.");
    describe_gauge!("signing_keys_removed", "Keys in use although they are no longer published.");
    describe_gauge!("signing_keys_age_seconds", "Seconds since the keys were fetched.");
    describe_counter!("signing_key_fetches_total", "Fetches of the keys, by their outcome.");
    describe_gauge!("verified_tokens", "Tokens remembered as verified.");
    describe_counter!("verified_token_lookups_total", "Tokens looked up among the verified, by the outcome.");
    describe_counter!("unreadable_resources_total", "Reads of unreadable rows in the store.");
    describe_gauge!("http_connections", "Connections to the API that are open.");
    describe_counter!("http_connections_ended_total", "Connections to the API that it ended, by the reason.");
}

fn report_keys(status: KeyStatus) {
    #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 keys")]
    {
        gauge!("signing_keys").set(status.keys as f64);
        gauge!("signing_keys_removed").set(status.removed as f64);
    }
    if let Some(age) = status.age {
        gauge!("signing_keys_age_seconds").set(age.as_secs_f64());
    }
    counter!("signing_key_fetches_total", "outcome" => "fetched").absolute(status.fetched);
    counter!("signing_key_fetches_total", "outcome" => "failed").absolute(status.failed);
}

fn report_verified_tokens(status: VerifiedTokenStatus) {
    #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 tokens")]
    gauge!("verified_tokens").set(status.tokens as f64);
    counter!("verified_token_lookups_total", "outcome" => "hit").absolute(status.hits);
    counter!("verified_token_lookups_total", "outcome" => "miss").absolute(status.misses);
}

fn report_connections(counts: &ConnectionCounts) {
    #[expect(clippy::cast_precision_loss, reason = "there are never 2^52 connections")]
    gauge!("http_connections").set(counts.open() as f64);
    counter!("http_connections_ended_total", "reason" => "malformed_request").absolute(counts.refused());
    counter!("http_connections_ended_total", "reason" => "timed_out").absolute(counts.timed_out());
    counter!("http_connections_ended_total", "reason" => "displaced").absolute(counts.displaced());
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}
