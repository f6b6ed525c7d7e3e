//! Starts the app for a test and sends it requests.

use std::net::SocketAddr;
use std::path::Path;

use entra_guard::GuardedRoutes;
use entra_shared::settings::{Environment, SettingsError};
use reqwest::{Client, Method, RequestBuilder};
use resource_app::settings::AuthorizationSettings;
use resource_app::{AppState, ResourceApp, Settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A running app; ends when it is dropped.
pub(crate) struct App {
    pub(crate) url: String,
    pub(crate) metrics: SocketAddr,
    client: Client,
    shutdown: CancellationToken,
    end: JoinHandle<()>,
    folder: Option<tempfile::TempDir>,
}

/// Returns the settings of a test, overridden by these variables.
pub(crate) fn settings(folder: &Path, variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let store = format!("sqlite://{}/new/resources.db", folder.display());
    let ours = [
        // Nothing listens on port 1, so the authority is unreachable.
        ("AZURE_AD__INSTANCE", "https://127.0.0.1:1"),
        ("SERVER__LISTEN", "127.0.0.1:0"),
        ("SERVER__SHUTDOWN_DELAY_SECONDS", "0"),
        ("METRICS__LISTEN", "127.0.0.1:0"),
        ("STORE__URL", store.as_str()),
    ];
    let environment: Environment = ours.iter().chain(variables).copied().collect();
    Settings::load(None, environment)
}

impl App {
    pub(crate) async fn start(variables: &[(&str, &str)]) -> Self {
        Self::start_with(variables, resource_app::api).await
    }

    /// Starts an app with these guarded routes.
    pub(crate) async fn start_with(
        variables: &[(&str, &str)],
        api: fn(&AuthorizationSettings) -> GuardedRoutes<AppState>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut app = Self::run(folder.path(), variables, api).await;
        app.folder = Some(folder);
        app
    }

    /// Starts an app in which requests need no token.
    pub(crate) async fn start_for_development() -> Self {
        Self::start(&DEVELOPMENT).await
    }

    pub(crate) async fn start_in(folder: &Path, variables: &[(&str, &str)]) -> Self {
        Self::run(folder, variables, resource_app::api).await
    }

    async fn run(
        folder: &Path,
        variables: &[(&str, &str)],
        api: fn(&AuthorizationSettings) -> GuardedRoutes<AppState>,
    ) -> Self {
        let settings = settings(folder, variables).unwrap();
        let api = api(&settings.authorization);
        let app = ResourceApp::bind_with(settings, api).await.unwrap();
        let shutdown = CancellationToken::new();
        let (url, metrics) = (app.url(), app.metrics_address().unwrap());
        let end = tokio::spawn(app.run(shutdown.clone()));
        let client = Client::builder().no_proxy().build().unwrap();
        Self { url, metrics, client, shutdown, end, folder: None }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// Begins the shutdown, as a signal does.
    pub(crate) fn signal(&self) {
        self.shutdown.cancel();
    }

    /// Shuts the app down and waits for its end.
    pub(crate) async fn stop(mut self) {
        self.signal();
        (&mut self.end).await.unwrap();
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// Returns the path of the resource that an answer names in `Location`.
pub(crate) fn location(response: &reqwest::Response) -> String {
    let location = response.headers()["location"].to_str().unwrap();
    response.url().join(location).unwrap().path().to_owned()
}

/// The variables that let requests without a token pass.
pub(crate) const DEVELOPMENT: [(&str, &str); 2] =
    [("ENVIRONMENT", "development"), ("AUTHORIZATION__DEVELOPMENT_HANDLER", "true")];

/// Asserts that an answer is a problem of this status and code, and returns its detail.
pub(crate) async fn assert_problem(response: reqwest::Response, status: u16, code: &str) -> String {
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let cache_control = response.headers()["cache-control"].to_str().unwrap().to_owned();
    let (actual, url) = (response.status().as_u16(), response.url().clone());
    let body: serde_json::Value = response.json().await.unwrap();
    assert_eq!((actual, body["code"].as_str().unwrap()), (status, code), "{url} {body}");
    assert_eq!(body["status"], status);
    assert_eq!((content_type.as_str(), cache_control.as_str()), ("application/problem+json", "no-store"));
    body["detail"].as_str().unwrap_or_default().to_owned()
}

/// Returns the routes that a policy guards.
pub(crate) fn guarded_routes() -> Vec<entra_guard::TableRow> {
    let settings = Settings::load(None, entra_shared::settings::Environment::default()).unwrap();
    let table = resource_app::routes(&settings).unwrap();
    table.rows().iter().filter(|row| !row.policies.is_empty()).cloned().collect()
}
