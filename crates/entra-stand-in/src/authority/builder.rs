//! Configures and starts a stand-in.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use entra_shared::azure_ad::Instance;
use entra_shared::http_client::HttpClientSettings;
use entra_shared::jwt::install_provider;
use entra_shared::settings::{Environment, KeyProblem};
use http_shell::server::{BindError, Server};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{Authority, StartError};
use crate::certificates::CertificateAuthority;
use crate::credentials::{Authenticator, SecretHash};
use crate::endpoints::managed_identity::{self, METADATA_ADDRESS, MachineState};
use crate::endpoints::{self, AppState, Parts};
use crate::origin::{self, Origin};
use crate::tenant::Reach;
use crate::tenants::Tenants;
use crate::{DataFolder, Directory, admin};

/// The default `IDENTITY_HEADER` of the App Service endpoint. It is public and of use with this stand-in only.
pub const DEVELOPMENT_IDENTITY_HEADER: &str = "development-only-identity-header";

/// The configuration of a stand-in; see [`Authority::builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    listen: SocketAddr,
    allow_non_loopback: bool,
    admin_listen: Option<SocketAddr>,
    managed_identity_listen: Option<SocketAddr>,
    identity_header: SecretHash,
    names: Vec<String>,
    public_url: Option<Instance>,
    directory: Option<Directory>,
    data_folder: Option<PathBuf>,
    drain_timeout: Duration,
    strict: bool,
    keep_tenants: bool,
    http_client: HttpClientSettings,
}

impl Builder {
    pub(super) fn new() -> Self {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self {
            listen: any,
            allow_non_loopback: false,
            admin_listen: Some(any),
            managed_identity_listen: None,
            identity_header: SecretHash::from_secret(DEVELOPMENT_IDENTITY_HEADER),
            names: vec!["localhost".to_owned()],
            public_url: None,
            directory: None,
            data_folder: None,
            drain_timeout: Duration::from_secs(10),
            strict: false,
            keep_tenants: false,
            http_client: HttpClientSettings {
                connect_timeout_seconds: const { NonZeroU64::new(3).unwrap() },
                timeout_seconds: const { NonZeroU64::new(5).unwrap() },
                ca_file: None,
            },
        }
    }

    /// Sets the address of Entra's endpoints; port 0 picks a free port.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Allows [`Self::listen`] to be an address that other machines can reach.
    #[must_use]
    pub fn allow_non_loopback(mut self, allow: bool) -> Self {
        self.allow_non_loopback = allow;
        self
    }

    /// Sets the loopback address of the admin listener; `None` disables it.
    #[must_use]
    pub fn admin_listen(mut self, address: Option<SocketAddr>) -> Self {
        self.admin_listen = address;
        self
    }

    /// Sets the address of the managed identity endpoints; `None`, the default, disables them.
    ///
    /// It is a loopback address or 169.254.169.254, where libraries expect IMDS.
    #[must_use]
    pub fn managed_identity_listen(mut self, address: Option<SocketAddr>) -> Self {
        self.managed_identity_listen = address;
        self
    }

    /// Sets the secret that App Service workloads send, instead of [`DEVELOPMENT_IDENTITY_HEADER`].
    #[must_use]
    pub fn identity_header(mut self, secret: &str) -> Self {
        self.identity_header = SecretHash::from_secret(secret);
        self
    }

    /// Sets the DNS names in the server's certificate. URLs and issuers contain the name that the client used.
    #[must_use]
    pub fn names(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }

    /// Uses one base URL in all URLs and issuers.
    #[must_use]
    pub fn public_url(mut self, url: Option<Instance>) -> Self {
        self.public_url = url;
        self
    }

    /// Replaces the built-in directory.
    #[must_use]
    pub fn directory(mut self, directory: Directory) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Sets the folder for keys, instead of one in the user's cache.
    #[must_use]
    pub fn data_folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_folder = Some(path.into());
        self
    }

    /// Sets how long requests in flight may take after [`Authority::shutdown`]; 10 seconds by default.
    #[must_use]
    pub fn drain_timeout(mut self, time: Duration) -> Self {
        self.drain_timeout = time;
        self
    }

    /// Refuses client assertions that Entra accepts although RFC 7523 or Entra's documentation forbids them.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Keeps tenants that are created over the admin listener, with their keys, in the data folder until they are removed.
    #[must_use]
    pub fn keep_tenants(mut self, keep: bool) -> Self {
        self.keep_tenants = keep;
        self
    }

    /// Sets how keys of federated credentials' issuers are fetched.
    #[must_use]
    pub fn http_client(mut self, settings: HttpClientSettings) -> Self {
        self.http_client = settings;
        self
    }

    /// Starts the stand-in, which serves in tasks of the current tokio runtime.
    ///
    /// # Errors
    /// A setting cannot be used, an address is taken, or the process has no working provider of jsonwebtoken's
    /// cryptography.
    pub async fn spawn(self) -> Result<Authority, StartError> {
        self.check_addresses()?;
        origin::check_names(&self.names)?;
        install_provider()?;
        let Self { listen, names, drain_timeout, strict, keep_tenants, .. } = self;
        let authenticator = Authenticator::new(strict, self.http_client)?;
        let (data_folder, directory) = (self.data_folder, self.directory);
        // Reading keys blocks, and the first start generates them, which takes long.
        let opened =
            tokio::task::spawn_blocking(move || open(data_folder, directory, strict, keep_tenants)).await??;
        let Opened { tenants, directory, certificates } = opened;

        let mut hosts = names.clone();
        hosts.extend(origin::addresses(listen.ip()).iter().map(ToString::to_string));
        let certificate = certificates.issue(&hosts).ok().and_then(|issued| issued.for_server());
        let certificate =
            certificate.ok_or_else(|| KeyProblem::new("server.names", "not all are DNS names"))?;
        let server = Server::bind_address(listen, Some(&certificate)).await.map_err(StartError::Bind)?;
        let address = server.address();
        let origin = Origin::new(&names, self.public_url.as_ref(), address)?;

        let admin = plain(self.admin_listen).await.map_err(StartError::admin)?;
        let machine = plain(self.managed_identity_listen).await.map_err(StartError::machine)?;
        let url = |server: &Server| Url::parse(&format!("http://{}", server.address())).ok();
        let admin_url = admin.as_ref().and_then(url);
        let managed_identity_url = machine.as_ref().and_then(url);
        let reach = Arc::new(Reach {
            instance: origin.canonical().clone(),
            ca_certificate_pem: certificates.certificate_pem().to_owned(),
            http: OnceLock::new(),
        });
        let state = AppState::from(Parts { tenants, origin, directory, authenticator, reach });
        let shutdown = CancellationToken::new();
        let mut tasks = JoinSet::new();
        let mut serve = |server: Server, router: Router| {
            tasks.spawn(server.with_drain_timeout(drain_timeout).serve(router, shutdown.clone()));
        };
        serve(server, endpoints::router(state.clone()));
        let admin_router = admin::router(state.clone());
        if let Some(admin) = admin {
            serve(admin, admin_router.clone());
        }
        if let Some(machine) = machine {
            let state = MachineState::new(state.clone(), self.identity_header);
            serve(machine, managed_identity::router(state));
        }
        let shutdown = shutdown.drop_guard();
        Ok(Authority {
            state,
            certificates,
            address,
            admin: admin_router,
            admin_url,
            managed_identity_url,
            tasks,
            shutdown,
        })
    }

    /// Refuses addresses that other machines can reach, because anyone who reaches the stand-in can get any token.
    fn check_addresses(&self) -> Result<(), KeyProblem> {
        if !self.listen.ip().is_loopback() && !self.allow_non_loopback {
            let remedy =
                "not a loopback address; set `server.allow_non_loopback` to let other machines reach it";
            return Err(KeyProblem::new("server.listen", remedy));
        }
        if self.admin_listen.is_some_and(|address| !address.ip().is_loopback()) {
            let problem = "not a loopback address; anyone who reaches this listener can have any token";
            return Err(KeyProblem::new("admin.listen", problem));
        }
        let is_local = |address: IpAddr| address.is_loopback() || address == METADATA_ADDRESS;
        if self.managed_identity_listen.is_some_and(|address| !is_local(address.ip())) {
            let problem = "not a loopback address, nor 169.254.169.254; anyone who reaches this listener can have a managed identity's token";
            return Err(KeyProblem::new("managed_identity.listen", problem));
        }
        Ok(())
    }
}

/// Binds a listener without TLS, if an address is set.
async fn plain(address: Option<SocketAddr>) -> Result<Option<Server>, BindError> {
    match address {
        Some(address) => Server::bind_address(address, None).await.map(Some),
        None => Ok(None),
    }
}

struct Opened {
    tenants: Arc<Tenants>,
    directory: Directory,
    certificates: CertificateAuthority,
}

fn open(
    folder: Option<PathBuf>,
    directory: Option<Directory>,
    strict: bool,
    keep_tenants: bool,
) -> Result<Opened, StartError> {
    let folder = folder.map_or_else(DataFolder::of_user, DataFolder::at)?;
    let certificates = CertificateAuthority::open(&folder)?;
    let directory = directory.map_or_else(|| Directory::seeded(&Environment::default()), Ok)?;
    let tenants = Arc::new(Tenants::open(&directory, &folder, strict, keep_tenants)?);
    Ok(Opened { tenants, directory, certificates })
}
