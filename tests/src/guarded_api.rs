//! A resource-app with its own settings, next to a running system whose authority it trusts.

use std::path::PathBuf;

use entra_shared::secret::AccessToken;
use reqwest::{Method, RequestBuilder, Response, header};
use resource_app::{ResourceApp, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::World;
use crate::connection::Connection;
use crate::program::{self, Server};

/// The default settings of the resource-app.
const DEFAULTS: &str = include_str!("../../resource-app/settings.toml");

/// A folder and variables for a resource-app that runs next to a system.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    variables: Vec<(&'static str, String)>,
}

/// A resource-app in this process; it stops when this is dropped.
#[derive(Debug)]
pub struct GuardedApi {
    url: String,
    metrics: String,
    http: reqwest::Client,
    _stop: DropGuard,
    _place: Place,
}

impl Place {
    /// Prepares a resource-app that accepts this system's tokens; `more` is appended to its settings.
    #[must_use]
    pub fn new(world: &World, more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("settings.toml"), format!("{DEFAULTS}\n{more}\n")).unwrap();
        let variables = vec![
            ("AZURE_AD__INSTANCE", world.system.authority().instance().to_string()),
            ("HTTP_CLIENT__CA_FILE", world.system.ca_file().display().to_string()),
            ("SERVER__LISTEN", "127.0.0.1:0".into()),
            ("METRICS__LISTEN", "127.0.0.1:0".into()),
            ("STORE__URL", format!("sqlite://{}", folder.path().join("resources.db").display())),
        ];
        Self { folder, variables }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    /// Starts the program, and waits until it has fetched the keys.
    pub async fn serve(&self) -> Server {
        let server = self.start_program();
        server.wait_until_ready().await;
        server
    }

    /// Starts the program, and waits until it listens.
    #[must_use]
    pub fn start_program(&self) -> Server {
        let file = self.settings_file().display().to_string();
        Server::start("resource-app", &["--settings", &file, "serve"], &self.variables)
    }

    /// Like [`Self::serve`], under limits that a shell sets, such as `ulimit -n 256`.
    #[cfg(unix)]
    pub async fn serve_limited(&self, limits: &str) -> Server {
        let file = self.settings_file().display().to_string();
        let arguments = ["--settings", &file, "serve"];
        let server = Server::start_limited(limits, "resource-app", &arguments, &self.variables);
        server.wait_until_ready().await;
        server
    }

    /// Starts the app in this process, and waits until it has fetched the keys.
    pub async fn start(self) -> GuardedApi {
        let variables = self.variables.iter().map(|(name, value)| (*name, value.clone()));
        let settings = Settings::load(Some(&self.settings_file()), variables.collect()).unwrap();
        let app = ResourceApp::bind(settings).await.unwrap();
        let (url, stop) = (app.url(), CancellationToken::new());
        let metrics = format!("http://{}/metrics", app.metrics_address().unwrap());
        tokio::spawn(app.run(stop.clone()));
        let http = program::direct();
        let ready = format!("{url}/health/ready");
        while !http.get(&ready).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        GuardedApi { url, metrics, http, _stop: stop.drop_guard(), _place: self }
    }

    fn settings_file(&self) -> PathBuf {
        self.folder.path().join("settings.toml")
    }
}

/// Returns the path of the resource that an answer names in `Location`.
#[must_use]
pub fn location(response: &Response) -> String {
    let location = response.headers()[header::LOCATION].to_str().unwrap();
    response.url().join(location).unwrap().path().to_owned()
}

impl GuardedApi {
    /// A request with this token.
    pub fn request(&self, method: Method, path: &str, token: &AccessToken) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        request.header(header::AUTHORIZATION, token.authorization())
    }

    /// Reads the resources with this token.
    pub async fn read(&self, token: &AccessToken) -> Response {
        self.request(Method::GET, "/api/resources", token).send().await.unwrap()
    }

    /// Creates a resource with this token.
    pub async fn write(&self, token: &AccessToken) -> Response {
        let body = json!({ "name": "x", "content": 1 });
        self.request(Method::POST, "/api/resources", token).json(&body).send().await.unwrap()
    }

    /// Its base URL, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A raw connection to the app.
    pub async fn connection(&self) -> Connection {
        Connection::open(&self.url).await
    }

    /// The body of a path that needs no token.
    pub async fn open(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.url)).send().await.unwrap().text().await.unwrap()
    }

    /// The metrics in Prometheus's text format.
    pub async fn metrics(&self) -> String {
        self.http.get(&self.metrics).send().await.unwrap().text().await.unwrap()
    }
}

/// A response's status and problem code; the code is empty if the body is no problem.
pub async fn outcome(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}
