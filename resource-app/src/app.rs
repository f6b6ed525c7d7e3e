//! The running service, from binding its addresses to shutting down.

use std::net::SocketAddr;

use axum::Router;
use entra_guard::{GuardedRoutes, RouteError};
use entra_shared::settings::{KeyProblem, SettingsError};
use http_shell::BoundService;
use http_shell::metrics::UPKEEP_INTERVAL;
use http_shell::server::BindError;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::observation::Observer;
use crate::settings::Settings;
use crate::state::AppState;
use crate::store::{OpenError, Store};
use crate::{azure_ad, openapi, router, service};

/// A resource-app with bound addresses and an open store; [`Self::run`] serves requests.
#[derive(Debug)]
pub struct ResourceApp {
    bound: BoundService,
    routes: Router,
    metrics_routes: Router,
    observer: Observer,
    store: Store,
    ending: CancellationToken,
}

/// Why the app cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting is unusable.
    // Not transparent: the source must stay in the chain, since the exit code depends on it.
    #[error("the settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The address of the API or of the metrics is in use, or the certificate is unusable.
    #[error(transparent)]
    Bind(#[from] BindError),
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

    /// Binds the service like [`Self::bind`], with these guarded routes, which are those of [`crate::api`] and more.
    ///
    /// # Errors
    ///
    /// As for [`Self::bind`], or the routes contradict each other.
    pub async fn bind_with(settings: Settings, api: GuardedRoutes<AppState>) -> Result<Self, StartError> {
        // Steps that can fail come first; background tasks start last.
        let table = router::table(&api)?;
        let development = settings.development_handler()?;
        let bound = BoundService::bind(&settings.server, &settings.metrics).await?;
        let store = Store::open(&settings).await?;
        let metrics = Metrics::new();
        let guard = azure_ad::authentication(&settings, development, &metrics)?;
        let metrics_routes = metrics.routes(guard.clone(), store.clone(), bound.server_status());
        let observer = Observer::new(metrics, openapi::route_names(&table));
        let ending = CancellationToken::new();
        let state = AppState::new(guard.clone(), store.clone(), ending.clone());
        let routes = router::router(&guard, api, state)?;
        Ok(Self { bound, routes, metrics_routes, observer, store, ending })
    }

    /// Returns the API's base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        self.bound.url()
    }

    /// Returns the address of `GET /metrics`, or `None` if the settings turn it off.
    #[must_use]
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.bound.metrics_address()
    }

    /// Serves until `shutdown` is cancelled, then drains requests in flight and closes the store.
    ///
    /// After the cancellation `/health/ready` answers 503. Draining and closing share the drain time-out.
    pub async fn run(self, shutdown: CancellationToken) {
        let metrics = self.metrics_address().map_or_else(|| "off".to_owned(), |address| address.to_string());
        tracing::info!(url = self.url(), metrics, "serving");
        let Self { bound, routes, metrics_routes, observer, store, ending } = self;
        let service = service::service(routes, observer.clone());
        let background = async |end: CancellationToken| {
            let mut interval = tokio::time::interval(UPKEEP_INTERVAL);
            while end.run_until_cancelled(interval.tick()).await.is_some() {
                observer.upkeep();
            }
            observer.upkeep();
            store.close().await;
        };
        let serve = bound.run(service, metrics_routes, background, ending.clone());
        let begin_shutdown = async {
            shutdown.cancelled().await;
            ending.cancel();
        };
        tokio::join!(serve, begin_shutdown);
    }
}
