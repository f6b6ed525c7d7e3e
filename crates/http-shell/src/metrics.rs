//! Numbers for Prometheus, one set an app: several apps can run in one process.
//!
//! Each app has a listener of its own for them, since whoever may read them is not whoever may call the app.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method, Response, header};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde::Deserialize;

use crate::server::{self, Server};

/// The bounds of a histogram's buckets, in seconds.
const BUCKETS: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 10.0];

/// How often samples are folded into their buckets; without that they would pile up where nobody scrapes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The text format of Prometheus.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// Section `[metrics]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsSettings {
    /// Where `GET /metrics` answers; nowhere if it is not set.
    #[serde(default)]
    pub listen: Option<SocketAddr>,
}

impl MetricsSettings {
    /// Binds the listener, if there is to be one.
    ///
    /// # Errors
    /// The address is taken.
    pub async fn bind(&self) -> Result<Option<Server>, BindError> {
        let Some(address) = self.listen else { return Ok(None) };
        match Server::bind_address(address, None).await {
            Ok(server) => Ok(Some(server.for_few())),
            Err(server::BindError::Address { address, source }) => Err(BindError { address, source }),
            // There is no certificate, and nothing else to be wrong.
            Err(other @ server::BindError::Settings(_)) => {
                Err(BindError { address, source: io::Error::other(other) })
            }
        }
    }
}

/// The address of the metrics is taken, or not this machine's.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`metrics.listen`)")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system said.
    pub source: io::Error,
}

/// The numbers of one app. Clones share them.
#[derive(Clone)]
pub struct Recorder {
    recorder: Arc<PrometheusRecorder>,
    handle: PrometheusHandle,
}

impl Recorder {
    /// A recorder without a number; `describe` says what there will be.
    #[must_use]
    pub fn new(describe: impl FnOnce()) -> Self {
        let builder = PrometheusBuilder::new();
        // Fails for no buckets alone; then there would be summaries in their place.
        let builder = builder.set_buckets(&BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
        let recorder = Arc::new(builder.build_recorder());
        let recorder = Self { handle: recorder.handle(), recorder };
        recorder.record(describe);
        recorder
    }

    /// Runs what names or changes numbers with the macros of the crate `metrics`.
    pub fn record<T>(&self, record: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(self.recorder.as_ref(), record)
    }

    /// Folds samples into their buckets; to be called each [`UPKEEP_INTERVAL`].
    pub fn upkeep(&self) {
        self.handle.run_upkeep();
    }

    /// The answer to `GET /metrics`.
    #[must_use]
    pub fn render(&self) -> Response<String> {
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

/// The label of a method, which can be any word; those without a meaning here share one.
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
