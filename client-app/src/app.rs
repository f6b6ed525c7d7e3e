//! The web service as a whole: bound, then run until it is told to end.

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

/// What the end may take beyond the drain time, where requests were cut off at its end.
const CLOSING: Duration = Duration::from_millis(250);

/// The web service of the middle tier.
///
/// It has no authentication of its own: whoever reaches it acts with this client's token. So it listens on loopback
/// unless told otherwise, and there answers only to the names of this machine.
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
    /// Whoever wrote the settings: a file that they name is unusable.
    // Not transparent: the source must stay in the chain, where the exit code is decided by it.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The service's address is taken, or its certificate unusable.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The metrics' address is taken.
    #[error(transparent)]
    Metrics(#[from] http_shell::metrics::BindError),
}

impl ClientApp {
    /// Takes its addresses; neither the authority nor the resource has to be up.
    ///
    /// # Errors
    /// An address is taken, or a file that the settings name is unusable.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let client = settings.resource_client()?;
        let server = Server::bind(&settings.server).await?;
        let metrics_server = settings.metrics.bind().await?;
        if !server.address().ip().is_loopback() {
            tracing::warn!(
                listen = %server.address(),
                "listening beyond this machine without authentication: whoever gets here acts with this client's token"
            );
        }
        let metrics = Metrics::new(client.token_retriever().clone());
        let drain_timeout = settings.server.drain_timeout();
        Ok(Self { server, client, metrics_server, metrics, drain_timeout })
    }

    /// The base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Where `GET /metrics` answers, if it does.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_server.as_ref().map(Server::address)
    }

    /// Serves until `shutdown`, then lets the requests in flight finish. From then on it is not ready, and requests that
    /// wait for a token are answered with 503 at once: an authority that is slow must not hold up the end. All that
    /// follows has the drain time together.
    pub async fn run(self, shutdown: CancellationToken) {
        let metrics = self.metrics_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(url = self.url(), metrics, "serving");
        let (log, limit) = (FailureLog::new(), self.drain_timeout + CLOSING);
        let end = async {
            shutdown.cancelled().await;
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            biased;
            () = end => tracing::warn!("the end took longer than its time and was cut short"),
            () = self.serve(log.clone(), shutdown.clone()) => (),
        }
        log.sum_up();
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
            // Last, so that the end itself can be watched.
            background.cancel();
        };
        let watched = async {
            if let Some(server) = metrics_server {
                server.serve(metrics.routes(), background.clone()).await;
            }
        };
        let beside = async {
            let expiry = expiry::watch(retriever.source().credentials());
            tokio::join!(upkeep(&metrics), log.sum_up_for_ever(), expiry)
        };
        let _ = tokio::join!(web, watched, background.run_until_cancelled(beside));
    }
}

async fn upkeep(metrics: &Metrics) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        interval.tick().await;
        metrics.upkeep();
    }
}
