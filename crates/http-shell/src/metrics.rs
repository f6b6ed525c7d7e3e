//! Metrics for Prometheus, one registry an app, since several apps can run in one process.
//!
//! They have a listener of their own: the callers of an app may not read its metrics.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Deserialize;

use crate::server::{self, Server};
use crate::telemetry;

/// The bounds of a histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// How often samples are folded into their buckets, so that they do not pile up between scrapes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Counts log lines that were dropped, of the whole process.
const DROPPED_LINES: &str = "log_lines_dropped_total";

/// The text format of Prometheus.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Section `[metrics]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// The address of `GET /metrics`; without it there is no such endpoint.
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
            Err(server::BindError::Address { address, source }) => Err(BindError { address, source }),
            // Unreachable: there is no certificate that could be unusable.
            Err(other @ server::BindError::Settings(_)) => {
                Err(BindError { address, source: io::Error::other(other) })
            }
        }
    }
}

/// The metrics address is taken or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`metrics.listen`)")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The operating system's error.
    pub source: io::Error,
}

/// The metrics of one app. Clones share them.
#[derive(Clone)]
pub struct Recorder {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Recorder {
    /// Creates a recorder; `describe` registers the descriptions of the app's metrics.
    #[must_use]
    pub fn new(describe: impl FnOnce()) -> Self {
        let builder = PrometheusBuilder::new();
        // Fails only for an empty list of buckets.
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = Arc::new(builder.build_recorder());
        let recorder = Self { handle: recorder.handle(), recorder };
        recorder.record(|| {
            metrics::describe_counter!(
                DROPPED_LINES,
                "Log lines dropped because the reader of standard error was too slow."
            );
            describe();
        });
        recorder
    }

    /// Runs a closure whose `metrics` macros record here.
    pub fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(self.recorder.as_ref(), record)
    }

    /// Folds samples into their buckets; call it every [`UPKEEP_INTERVAL`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// Renders the answer to `GET /metrics`.
    #[must_use]
    pub fn render(&self) -> Response<String> {
        self.record(|| metrics::counter!(DROPPED_LINES).absolute(telemetry::dropped_lines()));
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
