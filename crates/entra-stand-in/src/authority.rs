//! The running stand-in.

mod builder;

use std::net::SocketAddr;
use std::sync::Arc;

use entra_shared::azure_ad::Instance;
use entra_shared::ids::TenantId;
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
use crate::tenants::TenantError;

/// A stand-in for Entra ID that serves until it is dropped.
#[derive(Debug)]
pub struct Authority {
    state: AppState,
    certificates: CertificateAuthority,
    address: SocketAddr,
    admin_url: Option<Url>,
    managed_identity_url: Option<Url>,
    tasks: JoinSet<()>,
    shutdown: DropGuard,
}

/// Why a stand-in does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Whoever set it up: settings, directory or data folder are unusable.
    // Not `transparent`, here and below: the exit code is found by looking for the settings error among the sources.
    #[error("{0}")]
    Settings(#[from] SettingsError),
    /// The address for Entra's endpoints is taken.
    #[error("{0}")]
    Bind(#[source] BindError),
    /// The address for the admin listener is taken.
    #[error("cannot listen on {address} (`admin.listen`)")]
    AdminAddress {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The address where managed identities get tokens is taken.
    #[error("cannot listen on {address} (`managed_identity.listen`)")]
    ManagedIdentityAddress {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The work of starting was cut short, as when the runtime ends.
    #[error("starting was cut short")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl Authority {
    /// A stand-in with the built-in directory on free ports of 127.0.0.1, its keys kept in the user's cache.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The base URL that takes the place of `https://login.microsoftonline.com`.
    #[must_use]
    pub fn instance(&self) -> Instance {
        self.state.origin.canonical().clone()
    }

    /// The address that was bound.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate authority that clients have to trust, in PEM.
    #[must_use]
    pub fn ca_certificate_pem(&self) -> &str {
        self.certificates.certificate_pem()
    }

    /// The base URL of the admin listener, if there is one.
    #[must_use]
    pub fn admin_url(&self) -> Option<Url> {
        self.admin_url.clone()
    }

    /// The base URL where managed identities get tokens, if there is such a listener.
    ///
    /// Most of Microsoft's SDKs take it for IMDS in the variable `AZURE_POD_IDENTITY_AUTHORITY_HOST`; for App Service,
    /// `IDENTITY_ENDPOINT` is its path `msi/token`.
    #[must_use]
    pub fn managed_identity_url(&self) -> Option<Url> {
        self.managed_identity_url.clone()
    }

    /// Makes a tenant that shares nothing with others: its own ids, keys, clock, faults and journal.
    ///
    /// Takes well under a millisecond where keys were made ahead, as they are by the second time it is asked for.
    ///
    /// # Errors
    /// There are too many, or there are no keys to be had.
    pub async fn tenant(&self) -> Result<Tenant, TenantError> {
        let tenants = Arc::clone(&self.state.tenants);
        // Where no key was made ahead, making one is long work.
        let live = tokio::task::spawn_blocking(move || tenants.add()).await??;
        Ok(Tenant::new(live, Arc::clone(&self.state.reach)))
    }

    /// The tenant that stands first in the directory.
    #[must_use]
    pub fn first_tenant(&self) -> Tenant {
        Tenant::new(Arc::clone(self.state.tenants.first()), Arc::clone(&self.state.reach))
    }

    /// The tenant of this id, of the directory or made by a test.
    #[must_use]
    pub fn find_tenant(&self, id: TenantId) -> Option<Tenant> {
        Some(Tenant::new(self.state.tenants.tenant(id)?, Arc::clone(&self.state.reach)))
    }

    /// Forgets a tenant that a test made; those of the directory stay.
    pub fn remove_tenant(&self, tenant: &Tenant) {
        self.state.tenants.remove(tenant.id());
    }

    /// What came to the endpoints of every tenant, and of none.
    #[must_use]
    pub fn journal(&self) -> &Journal {
        &self.state.tenants.journal
    }

    /// Signs with a new key from now on; the ones before it stay published. Takes this thread some 100 ms.
    ///
    /// These are the keys of the first tenant; see [`Tenant::keys`] for those of others and for single steps.
    ///
    /// # Errors
    /// The new key cannot be kept in the data folder.
    pub fn roll_keys(&self) -> Result<(), RollError> {
        self.state.tenants.first().keys.roll()
    }

    /// Mints a token with claims of the caller's choosing, signed with the tenant's current key.
    ///
    /// # Errors
    /// The directory knows no such tenant, client or resource.
    pub fn mint(&self, request: &MintRequest) -> Result<AccessToken, MintError> {
        request.mint(&self.state.tenants, self.state.origin.canonical())
    }

    /// Issues a server certificate for DNS names and IP addresses, from the stand-in's own authority.
    ///
    /// # Errors
    /// One of the names is neither.
    pub fn issue_certificate<N: AsRef<str>>(&self, names: &[N]) -> Result<IssuedCertificate, IssueError> {
        self.certificates.issue(names)
    }

    /// Stops listening and waits for the requests in flight.
    pub async fn shutdown(mut self) {
        drop(self.shutdown);
        // Not dropped with the rest, which would cut the requests short.
        while self.tasks.join_next().await.is_some() {}
    }
}

impl StartError {
    fn admin(error: BindError) -> Self {
        match error {
            BindError::Address { address, source } => Self::AdminAddress { address, source },
            other @ BindError::Settings(_) => Self::Bind(other),
        }
    }

    fn machine(error: BindError) -> Self {
        match error {
            BindError::Address { address, source } => Self::ManagedIdentityAddress { address, source },
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
