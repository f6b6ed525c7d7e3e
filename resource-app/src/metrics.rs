//! Metrics for Prometheus. Each app has its own registry, since several apps can run in one process.
//!
//! Labels are bounded: route templates, known methods, statuses and codes, never text from a caller.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use entra_guard::{DecisionObserver, Guard, GuardStatus};
use http::StatusCode;
use http_shell::metrics::Recorder;
use http_shell::server::ServerStatus;
use metrics::{counter, describe_counter, describe_gauge, gauge};

use crate::store::Store;

/// The metrics of one app. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics(Recorder);

impl Metrics {
    pub(crate) fn new() -> Self {
        Self(Recorder::new(describe))
    }

    /// Counts an answered request by its method and route, and by the answer's status and code.
    pub(crate) fn record_request(
        &self,
        (method, route): (&'static str, &str),
        (status, code): (StatusCode, Option<&'static str>),
        elapsed: Duration,
    ) {
        self.0.record_request(method, route, status, elapsed);
        if let Some(code) = code {
            self.0.increment("problems_total", &[("code", code)]);
        }
    }

    /// Folds samples into their buckets.
    pub(crate) fn upkeep(&self) {
        self.0.upkeep();
    }

    /// Returns the router of `GET /metrics`.
    pub(crate) fn routes(&self, guard: Guard, store: Store, server: ServerStatus) -> Router {
        let recorder = self.0.clone();
        let render = async move || {
            recorder.record(|| {
                report_guard(&guard.status());
                server.report();
                counter!("unreadable_resources_total").absolute(store.unreadable());
            });
            recorder.render()
        };
        Router::new().route("/metrics", get(render))
    }
}

impl DecisionObserver for Metrics {
    fn decided(&self, reason: &'static str, policy: Option<&'static str>) {
        let policy = policy.unwrap_or("none");
        self.0.increment("decisions_total", &[("reason", reason), ("policy", policy)]);
    }

    fn would_deny(&self, reason: &'static str, policy: &'static str) {
        self.0.increment("would_deny_total", &[("reason", reason), ("policy", policy)]);
    }
}

fn describe() {
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
}

fn report_guard(GuardStatus { keys, verified_tokens, .. }: &GuardStatus) {
    set_gauge("signing_keys", keys.keys as u64);
    set_gauge("signing_keys_removed", keys.removed as u64);
    if let Some(age) = keys.age {
        gauge!("signing_keys_age_seconds").set(age.as_secs_f64());
    }
    counter!("signing_key_fetches_total", "outcome" => "fetched").absolute(keys.fetched);
    counter!("signing_key_fetches_total", "outcome" => "failed").absolute(keys.failed);
    set_gauge("verified_tokens", verified_tokens.tokens as u64);
    counter!("verified_token_lookups_total", "outcome" => "hit").absolute(verified_tokens.hits);
    counter!("verified_token_lookups_total", "outcome" => "miss").absolute(verified_tokens.misses);
}

#[expect(clippy::cast_precision_loss, reason = "there are never 2^52 of anything that is counted")]
fn set_gauge(name: &'static str, value: u64) {
    gauge!(name).set(value as f64);
}
