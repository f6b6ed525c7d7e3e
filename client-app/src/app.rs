//! The web service: binds its listeners and serves until shutdown.

use std::net::SocketAddr;

use entra_shared::settings::SettingsError;
use http_shell::BoundService;
use http_shell::metrics::UPKEEP_INTERVAL;
use http_shell::server::BindError;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::resource_client::ResourceClient;
use crate::web::{self, FailureLog, Observers};
use crate::{Settings, expiry};

/// The web service of the middle tier.
///
/// It does not authenticate its callers, so anyone who reaches it acts with this client's token. By default it
/// therefore listens on loopback, where it accepts loopback host names only.
#[derive(Debug)]
pub struct ClientApp {
    bound: BoundService,
    client: ResourceClient,
    metrics: Metrics,
}

/// Why the web service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A file named in the settings is unusable.
    // Not transparent: the exit code depends on the source, which must stay in the chain.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The address of the service or of its metrics is in use, or the certificate is unusable.
    #[error(transparent)]
    Bind(#[from] BindError),
}

impl ClientApp {
    /// Binds the listeners; neither the authority nor the resource needs to be available.
    ///
    /// # Errors
    /// An address is in use, or a file named in the settings is unusable.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let client = settings.resource_client()?;
        let bound = BoundService::bind(&settings.server, &settings.metrics).await?;
        if !bound.address().ip().is_loopback() {
            tracing::warn!(
                listen = %bound.address(),
                "listening beyond loopback without authentication: anyone who reaches this address acts with this client's token"
            );
        }
        let metrics = Metrics::new(client.token_retriever().clone());
        Ok(Self { bound, client, metrics })
    }

    /// Returns the base URL for callers on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.bound.url()
    }

    /// Returns the address of the metrics listener, if there is one.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.bound.metrics_address()
    }

    /// Serves until `shutdown`, then drains requests in flight within the drain time-out.
    ///
    /// From `shutdown` on, the service is not ready, and requests that wait for a token get 503 immediately, so that a
    /// slow authority cannot delay the shutdown.
    pub async fn run(self, shutdown: CancellationToken) {
        let metrics = self.metrics_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(url = self.url(), metrics, "serving");
        let Self { bound, client, metrics } = self;
        let server = bound.server_status();
        let log = FailureLog::new();
        let local = bound.address().ip().is_loopback();
        let observers = Observers { metrics: metrics.clone(), log: log.clone() };
        let retriever = client.token_retriever().clone();
        let routes = web::routes(client.until(shutdown.clone()), observers, local, shutdown.clone());
        let background = async |end: CancellationToken| {
            let expiry = expiry::watch(retriever.source().credentials());
            let maintenance = async { tokio::join!(upkeep(&metrics), log.summarize_periodically(), expiry) };
            end.run_until_cancelled(maintenance).await;
        };
        bound.run(routes, metrics.routes(server), background, shutdown).await;
        log.summarize();
    }
}

async fn upkeep(metrics: &Metrics) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        metrics.recorder.upkeep();
    }
}
