//! The running stand-in.

mod builder;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use entra_shared::azure_ad::Instance;
use entra_shared::ids::TenantId;
use entra_shared::jwt::NoCryptography;
use entra_shared::secret::AccessToken;
use entra_shared::settings::{KeyProblem, SettingsError};
use http_shell::server::BindError;
use tokio::task::JoinSet;
use tokio_util::sync::DropGuard;
use url::Url;

pub use builder::{Builder, DEVELOPMENT_IDENTITY_HEADER};

use crate::DirectoryError;
use crate::certificates::{CertificateAuthority, IssueError, IssuedCertificate};
use crate::endpoints::AppState;
use crate::journal::Journal;
use crate::keys::RollError;
use crate::mint::{MintError, MintRequest};
use crate::tenant::Tenant;
use crate::tenants::{LiveTenant, TenantError};

/// A running stand-in for Entra ID; it stops serving when it is dropped.
#[derive(Debug)]
pub struct Authority {
    state: AppState,
    certificates: CertificateAuthority,
    address: SocketAddr,
    admin: Router,
    admin_url: Option<Url>,
    managed_identity_url: Option<Url>,
    tasks: JoinSet<()>,
    shutdown: DropGuard,
}

/// Why a stand-in could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings, the directory or the data folder cannot be used.
    // Not `transparent`, here and below: the program looks for the settings error among the sources to pick its exit code.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The process has no working provider of jsonwebtoken's cryptography.
    #[error("{0}")]
    Cryptography(#[from] NoCryptography),
    /// The address for Entra's endpoints is taken.
    #[error("{0}")]
    Bind(#[source] BindError),
    /// The address for the admin listener is taken.
    #[error("cannot listen on {address} (`admin.listen`)")]
    AdminAddress {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The address of the managed identity endpoint is taken.
    #[error("cannot listen on {address} (`managed_identity.listen`)")]
    ManagedIdentityAddress {
        /// The address.
        address: SocketAddr,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// The runtime shut down before the start was complete.
    #[error("interrupted while starting")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Authority {
    /// Configures a stand-in; by default with the built-in directory, on free ports of 127.0.0.1, with its keys in the user's cache.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Returns the base URL to use in place of `https://login.microsoftonline.com`.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.state.origin.canonical().clone()
    }

    /// Returns the address of Entra's endpoints.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the certificate authority that clients must trust, in PEM.
    #[must_use]
    pub fn ca_certificate_pem(&self) -> &str {
        self.certificates.certificate_pem()
    }

    /// Returns the base URL of the admin listener, if it is enabled.
    #[must_use]
    pub fn admin_url(&self) -> Option<Url> {
        self.admin_url.clone()
    }

    /// Returns the base URL of the managed identity endpoints, if they are enabled.
    ///
    /// Set it as `AZURE_POD_IDENTITY_AUTHORITY_HOST` to make most of Microsoft's SDKs use it as IMDS. For App Service, set
    /// `IDENTITY_ENDPOINT` to its path `msi/token`.
    #[must_use]
    pub fn managed_identity_url(&self) -> Option<Url> {
        self.managed_identity_url.clone()
    }

    /// Creates a tenant with its own ids, keys, clock, faults and journal.
    ///
    /// Takes well under a millisecond if a key was generated ahead, which is so from the second call on.
    ///
    /// # Errors
    /// There are too many tenants, or no key can be generated.
    pub async fn tenant(&self) -> Result<Tenant, TenantError> {
        let tenants = Arc::clone(&self.state.tenants);
        // Generating a key takes long if none was generated ahead.
        let live = tokio::task::spawn_blocking(move || tenants.add()).await??;
        Ok(self.tenant_of(live))
    }

    /// Returns the first tenant of the directory.
    #[must_use]
    pub fn first_tenant(&self) -> Tenant {
        self.tenant_of(Arc::clone(self.state.tenants.first()))
    }

    /// Returns the tenant with this id, whether it comes from the directory or was created by a test.
    #[must_use]
    pub fn find_tenant(&self, id: TenantId) -> Option<Tenant> {
        Some(self.tenant_of(self.state.tenants.tenant(id)?))
    }

    fn tenant_of(&self, live: Arc<LiveTenant>) -> Tenant {
        Tenant::new(live, Arc::clone(&self.state.reach), self.admin.clone())
    }

    /// Removes a tenant that a test created; tenants of the directory stay.
    pub fn remove_tenant(&self, tenant: &Tenant) {
        self.state.tenants.remove(tenant.id());
    }

    /// Returns the journal of all requests, including those that name no tenant.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.state.tenants.journal
    }

    /// Rolls the first tenant's signing key over; earlier keys stay published. Blocks for some 100 ms.
    ///
    /// See [`Tenant::keys`] for other tenants and for the single steps of a rollover.
    ///
    /// # Errors
    /// The new key cannot be stored in the data folder.
    pub fn roll_keys(&self) -> Result<(), RollError> {
        self.state.tenants.first().keys.roll()
    }

    /// Mints a token with any claims, signed with the tenant's current key.
    ///
    /// # Errors
    /// The directory has no such tenant, client or resource.
    pub fn mint(&self, request: &MintRequest) -> Result<AccessToken, MintError> {
        request.mint(&self.state.tenants, self.state.origin.canonical())
    }

    /// Issues a server certificate for DNS names and IP addresses, signed by the stand-in's certificate authority.
    ///
    /// # Errors
    /// One of the names is neither, or is a Microsoft host name.
    pub fn issue_certificate<N: AsRef<str>>(&self, names: &[N]) -> Result<IssuedCertificate, IssueError> {
        self.certificates.issue(names)
    }

    /// Stops listening and waits for requests in flight.
    pub async fn shutdown(mut self) {
        drop(self.shutdown);
        // Dropping the set would abort the requests in flight.
        while self.tasks.join_next().await.is_some() {}
    }
}

impl StartError {
    fn admin(error: BindError) -> Self {
        match error {
            BindError::Address { address, source, .. } => Self::AdminAddress { address, source },
            other @ BindError::Settings(_) => Self::Bind(other),
        }
    }

    fn machine(error: BindError) -> Self {
        match error {
            BindError::Address { address, source, .. } => Self::ManagedIdentityAddress { address, source },
            other @ BindError::Settings(_) => Self::Bind(other),
        }
    }
}

impl From<KeyProblem> for StartError {
    fn from(problem: KeyProblem) -> Self {
        Self::Settings(problem.into())
    }
}

impl From<DirectoryError> for StartError {
    fn from(error: DirectoryError) -> Self {
        Self::Settings(error.into())
    }
}
