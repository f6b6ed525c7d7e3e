//! Runs the three services in one process, with https on loopback.

mod options;

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use client_app::ClientApp;
use entra_shared::azure_ad::Instance;
use entra_shared::http_client::{HttpClientSettings, http_client};
use entra_shared::settings::{Environment, SettingsError};
use entra_stand_in::Authority;
use resource_app::ResourceApp;
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

pub use options::{Options, Ports};

/// The client id of `DemoClientApp` in the seeded directory.
pub const DEMO_CLIENT_ID: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
/// The client id of `DemoReadOnlyClientApp` in the seeded directory.
pub const DEMO_READ_ONLY_CLIENT_ID: &str = "5a7d1f92-e3c8-4b06-a4f1-7c0d92b8e635";
/// The client id of `DemoUngrantedClientApp` in the seeded directory.
pub const DEMO_UNGRANTED_CLIENT_ID: &str = "c48b2e06-9f53-4a7d-86e2-1d5f30a97b4c";
/// The client id of `DemoResourceApp` in the seeded directory.
pub const DEMO_RESOURCE_ID: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
/// The secret of `DemoClientApp` in the seeded directory.
pub const DEMO_CLIENT_SECRET: &str = "development-only-demo-client-secret";
/// The secret of `DemoReadOnlyClientApp` in the seeded directory.
pub const DEMO_READ_ONLY_CLIENT_SECRET: &str = "development-only-read-only-secret";
/// The secret of `DemoUngrantedClientApp` in the seeded directory.
pub const DEMO_UNGRANTED_CLIENT_SECRET: &str = "development-only-ungranted-secret";

/// The time-out for the resource-app to become ready, in seconds.
const READY_TIMEOUT: NonZeroU64 = NonZeroU64::new(10).unwrap();

/// The running services. Dropping it stops them; [`System::stop`] drains requests first.
#[derive(Debug)]
pub struct System {
    authority: Authority,
    resource_url: Url,
    client_url: Url,
    folder: TempDir,
    shutdown: CancellationToken,
    services: JoinSet<()>,
}

/// The services could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The services' files cannot be written.
    #[error("cannot write the demo's files")]
    Files(#[from] io::Error),
    /// The stand-in did not start.
    #[error("the authority-app did not start")]
    Authority(#[from] entra_stand_in::StartError),
    /// The stand-in issued no server certificate.
    #[error("the authority-app issued no certificate")]
    Certificate(#[from] entra_stand_in::IssueError),
    /// The resource-app did not start.
    #[error("the resource-app did not start")]
    Resource(#[from] resource_app::StartError),
    /// The client-app did not start.
    #[error("the client-app did not start")]
    Client(#[from] client_app::StartError),
    /// The resource-app did not become ready, since it could not fetch the signing keys.
    #[error("the resource-app did not become ready within {READY_TIMEOUT} s")]
    NotReady,
    /// The settings of an app are unusable.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl System {
    /// Starts the three services, each with ordinary settings.
    ///
    /// # Errors
    /// A service did not start.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let Options { ports, directory, resource_variables } = options;
        let folder = tempfile::Builder::new().prefix("entra-demo-").tempdir()?;
        let mut authority =
            Authority::builder().listen(ports.loopback(5000)).admin_listen(Some(ports.loopback(5010)));
        if let Some(directory) = directory {
            authority = authority.directory(directory);
        }
        let authority = authority.spawn().await?;
        std::fs::write(folder.path().join("ca.pem"), authority.ca_certificate_pem())?;
        let mut system = Self {
            // Placeholders, replaced below once the services are bound.
            resource_url: authority.instance().url().clone(),
            client_url: authority.instance().url().clone(),
            authority,
            folder,
            shutdown: CancellationToken::new(),
            services: JoinSet::new(),
        };
        system.start_resource_app(ports, resource_variables).await?;
        system.start_client_app(ports).await?;
        system.wait_until_ready().await?;
        Ok(system)
    }

    /// Waits until the resource-app has the signing keys.
    async fn wait_until_ready(&self) -> Result<(), StartError> {
        let settings = HttpClientSettings {
            connect_timeout_seconds: READY_TIMEOUT,
            timeout_seconds: READY_TIMEOUT,
            ca_file: Some(self.ca_file()),
        };
        let http = http_client(&settings).map_err(SettingsError::from)?;
        let url = format!("{}health/ready", self.resource_url);
        let ready = async {
            while !http.get(&url).send().await.is_ok_and(|answer| answer.status().is_success()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(READY_TIMEOUT.get()), ready).await;
        in_time.map_err(|_| StartError::NotReady)
    }

    /// Returns the stand-in.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the file of the stand-in's certificate authority, which clients must trust.
    #[must_use]
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the resource-app's base URL.
    #[must_use]
    pub fn resource_url(&self) -> &Url {
        &self.resource_url
    }

    /// Returns the client-app's base URL.
    #[must_use]
    pub fn client_url(&self) -> &Url {
        &self.client_url
    }

    /// Returns the variables with which the walkthrough uses this system.
    #[must_use]
    pub fn walkthrough_environment(&self) -> Environment {
        let mut variables = self.trust();
        variables.extend([
            ("RESOURCE__BASE_URL", self.resource_url.to_string()),
            ("CLIENT__BASE_URL", self.client_url.to_string()),
            ("CLIENTS__FULL__CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()),
            ("CLIENTS__READ_ONLY__CLIENT_SECRET", DEMO_READ_ONLY_CLIENT_SECRET.to_owned()),
            ("CLIENTS__UNGRANTED__CLIENT_SECRET", DEMO_UNGRANTED_CLIENT_SECRET.to_owned()),
        ]);
        variables.extend(self.authority.admin_url().map(|url| ("STAND_IN__ADMIN_URL", url.to_string())));
        variables.into_iter().collect()
    }

    /// Drains requests in flight, then stops the services.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while self.services.join_next().await.is_some() {}
        self.authority.shutdown().await;
    }

    async fn start_resource_app(
        &mut self,
        ports: Ports,
        more: Vec<(String, String)>,
    ) -> Result<(), StartError> {
        let mut variables = self.server_variables("resource", ports.loopback(5001))?;
        variables.push(("METRICS__LISTEN", ports.loopback(5011).to_string()));
        variables
            .push(("STORE__URL", format!("sqlite://{}", self.folder.path().join("resources.db").display())));
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(more);
        let settings = resource_app::Settings::load(None, variables.collect())?;
        let app = ResourceApp::bind(settings).await?;
        self.resource_url = local(&app.url());
        self.services.spawn(app.run(self.shutdown.clone()));
        Ok(())
    }

    async fn start_client_app(&mut self, ports: Ports) -> Result<(), StartError> {
        let mut variables = self.server_variables("client", ports.loopback(5002))?;
        variables.push(("METRICS__LISTEN", ports.loopback(5012).to_string()));
        variables.push(("RESOURCE__BASE_URL", self.resource_url.to_string()));
        variables.push(("AZURE_AD__CLIENT_SECRET", DEMO_CLIENT_SECRET.to_owned()));
        let settings = client_app::Settings::load(None, variables.into_iter().collect())?;
        let app = ClientApp::bind(settings).await?;
        self.client_url = local(&app.url());
        self.services.spawn(app.run(self.shutdown.clone()));
        Ok(())
    }

    /// Returns the variables of an app for the trusted CA, its address, and its certificate.
    fn server_variables(
        &self,
        name: &str,
        listen: SocketAddr,
    ) -> Result<Vec<(&'static str, String)>, StartError> {
        let certificate = self.authority.issue_certificate(&["localhost"])?;
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder)?;
        let certificate_file = write(&folder.join("certificate.pem"), certificate.certificate_pem())?;
        let private_key_file = write(&folder.join("private-key.pem"), certificate.private_key_pem())?;
        let mut variables = self.trust();
        variables.extend([
            ("SERVER__LISTEN", listen.to_string()),
            // No load balancer needs time to notice the shutdown.
            ("SERVER__SHUTDOWN_DELAY_SECONDS", "0".to_owned()),
            ("SERVER__TLS__CERTIFICATE_FILE", certificate_file),
            ("SERVER__TLS__PRIVATE_KEY_FILE", private_key_file),
        ]);
        Ok(variables)
    }

    fn trust(&self) -> Vec<(&'static str, String)> {
        let instance: Instance = self.authority.instance();
        vec![
            ("AZURE_AD__INSTANCE", instance.to_string()),
            ("HTTP_CLIENT__CA_FILE", self.ca_file().display().to_string()),
        ]
    }
}

fn local(url: &str) -> Url {
    #[expect(clippy::expect_used, reason = "a server's own URL is a scheme, localhost and a port")]
    Url::parse(url).expect("a URL")
}

fn write(path: &Path, text: &str) -> io::Result<String> {
    std::fs::write(path, text)?;
    Ok(path.display().to_string())
}
