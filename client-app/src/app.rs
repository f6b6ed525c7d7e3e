//! The web service: binds its listeners and serves until shutdown.

use std::net::SocketAddr;
use std::time::Duration;

use entra_shared::settings::SettingsError;
use http_shell::metrics::UPKEEP_INTERVAL;
use http_shell::server::{BindError, Server};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::resource_client::ResourceClient;
use crate::web::{self, FailureLog, Observers};
use crate::{Settings, expiry};

/// The time for closing connections after the drain time-out has cut off requests.
const CLOSING_TIME: Duration = Duration::from_millis(250);

/// The web service of the middle tier.
///
/// It does not authenticate its callers: anyone who reaches it acts with this client's token. So it listens on loopback
/// by default, where it accepts loopback host names only.
#[derive(Debug)]
pub struct ClientApp {
    server: Server,
    client: ResourceClient,
    metrics_server: Option<Server>,
    metrics: Metrics,
    drain_timeout: Duration,
}

/// Why the web service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file named in the settings is unusable.
    // Not transparent: the exit code depends on the source, which must stay in the chain.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The service's address is in use, or its certificate is unusable.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The metrics address is in use.
    #[error(transparent)]
    Metrics(#[from] http_shell::metrics::BindError),
}

impl ClientApp {
    /// Binds the listeners; neither the authority nor the resource needs to be available.
    ///
    /// # Errors
    /// An address is in use, or a file named in the settings is unusable.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let client = settings.resource_client()?;
        let server = Server::bind(&settings.server).await?;
        let metrics_server = settings.metrics.bind().await?;
        if !server.address().ip().is_loopback() {
            tracing::warn!(
                listen = %server.address(),
                "listening beyond loopback without authentication: anyone who reaches this address acts with this client's token"
            );
        }
        let metrics = Metrics::new(client.token_retriever().clone());
        let drain_timeout = settings.server.drain_timeout();
        Ok(Self { server, client, metrics_server, metrics, drain_timeout })
    }

    /// Returns the base URL for callers on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the address of the metrics listener, if there is one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_server.as_ref().map(Server::address)
    }

    /// Serves until `shutdown`, then drains requests in flight within the drain time-out.
    ///
    /// From `shutdown` on, the service is not ready, and requests that wait for a token get 503 immediately, so that a
    /// slow authority cannot delay the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let metrics = self.metrics_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(url = self.url(), metrics, "serving");
        let (log, limit) = (FailureLog::new(), self.drain_timeout + CLOSING_TIME);
        let deadline = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            biased;
            () = deadline => tracing::warn!("shutdown exceeded the drain time-out; closing remaining connections"),
            () = self.serve(log.clone(), shutdown.clone()) => (),
        }
        log.summarize();
    }

    async fn serve(self, log: FailureLog, shutdown: CancellationToken) {
        let Self { server, client, metrics_server, metrics, .. } = self;
        let local = server.address().ip().is_loopback();
        let observers = Observers { metrics: metrics.clone(), log: log.clone() };
        let retriever = client.token_retriever().clone();
        let routes = web::routes(client.until(shutdown.clone()), observers, local, shutdown.clone());
        let background = CancellationToken::new();
        let web = async {
            server.serve(routes, shutdown).await;
            // Only now, so that metrics stay available during the shutdown.
            background.cancel();
        };
        let metrics_web = async {
            if let Some(server) = metrics_server {
                server.serve(metrics.routes(), background.clone()).await;
            }
        };
        let maintenance = async {
            let expiry = expiry::watch(retriever.source().credentials());
            tokio::join!(upkeep(&metrics), log.summarize_periodically(), expiry)
        };
        let _ = tokio::join!(web, metrics_web, background.run_until_cancelled(maintenance));
    }
}

async fn upkeep(metrics: &Metrics) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        metrics.upkeep();
    }
}
