//! The running service: binding its addresses, serving, and shutting down.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use entra_guard::{GuardedRoutes, RouteError};
use entra_shared::settings::{KeyProblem, SettingsError};
use http_shell::metrics::{self, UPKEEP_INTERVAL};
use http_shell::server::{BindError, Server};
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::observation::Observer;
use crate::readiness::Readiness;
use crate::service::ApiService;
use crate::settings::Settings;
use crate::state::{AppState, Parts};
use crate::store::{OpenError, Store};
use crate::{azure_ad, openapi, router};

/// Extra time to close the store after the drain time-out has cut off requests.
const CLOSING: Duration = Duration::from_millis(250);

/// A resource-app with bound addresses and an open store; [`Self::run`] serves requests.
#[derive(Debug)]
pub struct ResourceApp {
    server: Server,
    service: ApiService,
    metrics_server: Option<(Server, Router)>,
    observer: Observer,
    store: Store,
    ending: CancellationToken,
    drain_timeout: Duration,
}

/// Why the app cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is unusable.
    // Not transparent: the source must stay in the chain, since the exit code depends on it.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The API's address is in use, or its certificate is unusable.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The address of the metrics is in use.
    #[error(transparent)]
    Metrics(#[from] metrics::BindError),
    /// The database cannot be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The app's routes and policies contradict each other.
    #[error("the routes cannot be guarded")]
    Routes(#[source] RouteError),
    /// The guard cannot start.
    #[error("the guard cannot start")]
    Guard(#[source] entra_guard::StartError),
}

impl From<entra_guard::StartError> for StartError {
    fn from(error: entra_guard::StartError) -> Self {
        match error {
            entra_guard::StartError::HttpClient(problem) => problem.into(),
            error => Self::Guard(error),
        }
    }
}

impl From<RouteError> for StartError {
    fn from(error: RouteError) -> Self {
        match error {
            RouteError::UnusedPolicy(name, used) => {
                let problem = format!("names the policy {name:?}, and must be one of {used}");
                KeyProblem::new("authorization.clients", problem).into()
            }
            error => Self::Routes(error),
        }
    }
}

impl From<KeyProblem> for StartError {
    fn from(problem: KeyProblem) -> Self {
        Self::Settings(problem.into())
    }
}

impl ResourceApp {
    /// Opens the store, binds the addresses and starts fetching the keys, without waiting for them.
    ///
    /// # Errors
    /// A setting is unusable, an address is in use, or the database cannot be opened.
    pub async fn bind(settings: Settings) -> Result<Self, StartError> {
        let api = router::api(&settings.authorization);
        Self::bind_with(settings, api).await
    }

    /// Like [`Self::bind`], with these guarded routes: those of [`crate::api`] and more.
    ///
    /// # Errors
    /// As for [`Self::bind`], or the routes contradict each other.
    pub async fn bind_with(settings: Settings, api: GuardedRoutes<AppState>) -> Result<Self, StartError> {
        // Steps that can fail come first; background tasks start last.
        let table = router::table(&api)?;
        let development = settings.development_handler()?;
        let server = Server::bind(&settings.server).await?;
        let store = Store::open(&settings).await?;
        let metrics = Metrics::new();
        let guard = azure_ad::authentication(&settings, development, &metrics)?;
        let listener = settings.metrics.bind().await?;
        let metrics_server = listener
            .map(|listener| (listener, metrics.routes(guard.clone(), store.clone(), server.counts())));
        let observer = Observer::new(metrics, openapi::route_names(&table));
        let ending = CancellationToken::new();
        let state = AppState::from(Parts {
            ending: ending.clone(),
            guard: guard.clone(),
            readiness: Readiness::default(),
            store: store.clone(),
        });
        let routes = router::router(&guard, api, state)?;
        let service = ApiService::new(routes, observer.clone());
        let drain_timeout = settings.server.drain_timeout();
        Ok(Self { server, service, metrics_server, observer, store, ending, drain_timeout })
    }

    /// Returns the API's base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the address of `GET /metrics`, or `None` if the settings turn it off.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_server.as_ref().map(|(server, _)| server.address())
    }

    /// Serves until `shutdown` is cancelled, then drains requests in flight and closes the store.
    ///
    /// After the cancellation `/health/ready` answers 503. Draining and closing share the drain time-out.
    pub async fn run(self, shutdown: CancellationToken) {
        let metrics = self.metrics_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(url = self.url(), metrics, "serving");
        let (ending, limit) = (self.ending.clone(), self.drain_timeout + CLOSING);
        let end = async {
            shutdown.cancelled().await;
            ending.cancel();
            tokio::time::sleep(limit).await;
        };
        tokio::select! {
            biased;
            () = end => tracing::warn!("shutdown exceeded the drain time-out; closing remaining connections"),
            () = self.serve(shutdown.clone()) => (),
        }
    }

    async fn serve(self, shutdown: CancellationToken) {
        let background = CancellationToken::new();
        let metrics = async {
            if let Some((server, router)) = self.metrics_server {
                server.serve(router, background.clone()).await;
            }
        };
        let api = async {
            self.server.serve_http(self.service.into_service(), shutdown).await;
            // The metrics stop last, so that they cover the shutdown.
            background.cancel();
        };
        tokio::join!(api, metrics, upkeep(&self.observer, background.clone()));
        self.observer.upkeep();
        self.store.close().await;
    }
}

async fn upkeep(observer: &Observer, end: CancellationToken) {
    let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
    while end.run_until_cancelled(interval.tick()).await.is_some() {
        observer.upkeep();
    }
}
