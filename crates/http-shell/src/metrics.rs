//! Metrics for Prometheus. Each app has its own registry, since several apps can run in one process.
//!
//! They have a listener of their own, because the callers of an app may not read its metrics.

mod handle_cache;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, StatusCode, header};
use metrics::{Counter, Histogram, counter, describe_counter, describe_histogram, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Deserialize;

use crate::server::{BindError, Server};
use crate::telemetry;
use handle_cache::HandleCache;

/// The bounds of a histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// How often samples are folded into their buckets, so that they do not pile up between scrapes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Counts log lines that were dropped, of the whole process.
const DROPPED_LINES: &str = "log_lines_dropped_total";

const REQUESTS: &str = "http_requests_total";
const REQUEST_DURATION: &str = "http_request_duration_seconds";

/// The text format of Prometheus.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Section `[metrics]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// The address of `GET /metrics`. Without an address there is no such endpoint.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
}

impl MetricsSettings {
    /// Binds the listener, if an address is set.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn bind(&self) -> Result<Option<Server>, BindError> {
        let Some(address) = self.listen else { return Ok(None) };
        match Server::bind_address(address, None).await {
            Ok(server) => Ok(Some(server.with_few_connections())),
            Err(BindError::Address { address, source, .. }) => {
                Err(BindError::Address { address, setting: "metrics.listen", source })
            }
            Err(other @ BindError::Settings(_)) => Err(other),
        }
    }
}

/// The metrics of one app. Clones share them.
#[derive(Clone)]
pub struct Recorder {
    registry: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
    cached: Arc<Handles>,
}

/// Cached handles of the metrics that each request changes.
#[derive(Default)]
struct Handles {
    routes: HandleCache<Box<str>, RouteHandles>,
    counters: HandleCache<&'static str, CounterHandles>,
}

/// The handles of one route, by method and status.
type RouteHandles = HandleCache<(&'static str, u16), (Counter, Histogram)>;

/// The handles of one counter, by its labels.
type CounterHandles = HandleCache<Box<[(&'static str, &'static str)]>, Counter>;

impl Recorder {
    /// Creates a recorder; `describe` registers the descriptions of the app's metrics.
    #[must_use]
    pub fn new(describe: impl FnOnce()) -> Self {
        let builder = PrometheusBuilder::new();
        // Fails only for an empty list of buckets.
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let registry = Arc::new(builder.build_recorder());
        let recorder = Self { handle: registry.handle(), registry, cached: Arc::default() };
        recorder.record(|| {
            describe_counter!(
                DROPPED_LINES,
                "Log lines dropped because the reader of standard error was too slow."
            );
            describe_counter!(REQUESTS, "Requests answered.");
            describe_histogram!(REQUEST_DURATION, "Seconds from a request's header to its answer's.");
            crate::server::status::describe();
            describe();
        });
        recorder
    }

    /// Runs a closure whose `metrics` macros record here.
    pub fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(self.registry.as_ref(), record)
    }

    /// Counts an answered request. The labels must have few values, so the route is one and the request's path is not.
    pub fn record_request(&self, method: &'static str, route: &str, status: StatusCode, elapsed: Duration) {
        let key = (method, status.as_u16());
        let count = |(counter, histogram): &(Counter, Histogram)| {
            counter.increment(1);
            histogram.record(elapsed.as_secs_f64());
        };
        let make = || (key, self.request_handles(method, route, status));
        let route_handles = |route: &RouteHandles| route.with(&key, make, count);
        self.cached.routes.with(route, || (route.into(), RouteHandles::default()), route_handles);
    }

    /// Increments a counter, whose labels must have few different values.
    pub fn increment(&self, name: &'static str, labels: &[(&'static str, &'static str)]) {
        let make = || (labels.into(), self.record(|| counter!(name, labels)));
        let counters =
            |counters: &CounterHandles| counters.with(labels, make, |counter| counter.increment(1));
        self.cached.counters.with(&name, || (name, CounterHandles::default()), counters);
    }

    fn request_handles(&self, method: &'static str, route: &str, status: StatusCode) -> (Counter, Histogram) {
        let (route, status) = (route.to_owned(), status.as_str().to_owned());
        self.record(|| {
            let labels = [("method", method.to_owned()), ("route", route.clone()), ("status", status)];
            let histogram = histogram!(REQUEST_DURATION, "method" => method, "route" => route);
            (counter!(REQUESTS, &labels), histogram)
        })
    }

    /// Folds samples into their buckets; call it every [`UPKEEP_INTERVAL`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Renders the answer to `GET /metrics`.
    #[must_use]
    pub fn render(&self) -> Response<String> {
        self.record(|| counter!(DROPPED_LINES).absolute(telemetry::dropped_lines()));
        let mut response = Response::new(self.handle.render());
        response.headers_mut().insert(header::CONTENT_TYPE, MEDIA_TYPE);
        response
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// Returns the label of a method; uncommon methods, which clients can invent, share one.
#[must_use]
pub fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
