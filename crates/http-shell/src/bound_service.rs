//! A service with its metrics, from binding addresses to shutting down.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio_util::sync::CancellationToken;
use tower::Service;

use crate::metrics::MetricsSettings;
use crate::server::{BindError, Server, ServerSettings, ServerStatus};

/// Extra time to close files and connections after the drain time-out has cut off requests.
const CLOSING: Duration = Duration::from_millis(250);

/// A service with bound addresses; [`Self::run`] serves requests.
#[derive(Debug)]
pub struct BoundService {
    server: Server,
    metrics_server: Option<Server>,
    drain_timeout: Duration,
}

impl BoundService {
    /// Binds the addresses of the service and, if one is set, of its metrics.
    ///
    /// # Errors
    /// An address is in use, or the certificate is unusable.
    pub async fn bind(server: &ServerSettings, metrics: &MetricsSettings) -> Result<Self, BindError> {
        let drain_timeout = server.drain_timeout();
        Ok(Self { server: Server::bind(server).await?, metrics_server: metrics.bind().await?, drain_timeout })
    }

    /// Returns the address of the service.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the address of `GET /metrics`, or `None` if the settings turn it off.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_server.as_ref().map(Server::address)
    }

    /// Returns what the service's server reports as metrics.
    #[must_use]
    pub fn server_status(&self) -> ServerStatus {
        self.server.status()
    }

    /// Serves until `shutdown` is cancelled, then drains requests in flight within the drain time-out.
    ///
    /// `background` gets a token that is cancelled after the last request, and then closes what the service has opened.
    /// Draining and closing share the drain time-out.
    pub async fn run<S, B, M, C, F>(
        self,
        service: S,
        metrics: M,
        background: impl FnOnce(CancellationToken) -> F,
        shutdown: CancellationToken,
    ) where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
        M: Service<Request<Incoming>, Response = Response<C>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + 'static,
        C: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
        F: Future<Output = ()>,
    {
        let Self { server, metrics_server, drain_timeout } = self;
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(drain_timeout + CLOSING).await;
        };
        let end = CancellationToken::new();
        let serve = async {
            server.serve(service, shutdown.clone()).await;
            // The metrics stop last, so that they cover the shutdown.
            end.cancel();
        };
        let serve_metrics = async {
            if let Some(server) = metrics_server {
                server.serve(metrics, end.clone()).await;
            }
        };
        let background = background(end.clone());
        // In a box, since the futures of two servers are large.
        let all = Box::pin(async { tokio::join!(serve, serve_metrics, background) });
        tokio::select! {
            biased;
            () = deadline => tracing::warn!("shutdown exceeded the drain time-out; closing remaining connections"),
            _ = all => (),
        }
    }
}
