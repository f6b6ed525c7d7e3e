//! The one HTTP server: binding, TLS, limits on what a peer can hold open, and an orderly end.
//!
//! `axum::serve` has no limits: a half-sent header stays open for ever and keeps a graceful shutdown from ending.
//! HTTP/1.1 only: between services nothing is lost, and HTTP/2's own ways of exhausting a server are shut out.

mod chunked;
mod connection;
mod deadline;
mod framing;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod limits;
mod settings;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use connection::{Terms, accept, serve_connection};
use limits::Limits;
pub use settings::ServerSettings;
pub use tls::{ServerCertificate, TlsSettings};

use crate::settings::KeyProblem;

/// File descriptors that connections leave to the rest of the process: its database, its own requests.
const RESERVED_DESCRIPTORS: u64 = 128;

#[derive(Clone)]
struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// A server that has its address and serves once it is given a service.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    limits: Limits,
    drain_timeout: Duration,
}

impl Server {
    /// Binds the address of the settings and reads the certificate, if one is named.
    ///
    /// # Errors
    /// The address is taken, or a file of the certificate is unusable.
    pub async fn bind(settings: &ServerSettings) -> Result<Self, BindError> {
        let certificate = settings.tls.as_ref().map(ServerCertificate::read).transpose()?;
        let drain_timeout = Duration::from_secs(settings.drain_timeout_seconds.get());
        Ok(Self { drain_timeout, ..Self::bind_address(settings.listen, certificate.as_ref()).await? })
    }

    /// Binds an address, for https where there is a certificate.
    ///
    /// # Errors
    /// The address is taken, or the certificate is unusable.
    pub async fn bind_address(
        address: SocketAddr,
        certificate: Option<&ServerCertificate>,
    ) -> Result<Self, BindError> {
        let tls = certificate.map(|certificate| certificate.acceptor().map(Tls)).transpose()?;
        let failed = |source| BindError::Address { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let limits = Limits::default();
        Ok(Self { listener, address, tls, limits, drain_timeout: Duration::from_secs(10) })
    }

    /// Changes how long requests in flight may take after the shutdown.
    #[must_use]
    pub fn with_drain_timeout(mut self, time: Duration) -> Self {
        self.drain_timeout = time;
        self
    }

    /// The address that was bound, with the port the operating system chose for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        settings::url(self.tls.is_some(), self.address)
    }

    /// Serves until `shutdown`, then lets the requests in flight finish within the drain time.
    pub async fn serve<S, B>(self, service: S, shutdown: CancellationToken)
    where
        S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + 'static,
        S::Future: Send,
        B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let mut connections = JoinSet::new();
        let permits = Arc::new(Semaphore::new(connection_limit(self.limits.max_connections)));
        while let Some(stream) = shutdown.run_until_cancelled(accept(&self.listener)).await {
            let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await
            else {
                break;
            };
            let terms =
                Terms { tls: self.tls.clone(), limits: self.limits, shutdown: shutdown.child_token() };
            let service = service.clone();
            connections.spawn(async move {
                serve_connection(stream, terms, service).await;
                drop(permit);
            });
            while connections.try_join_next().is_some() {}
        }
        // Nobody new gets in while the rest finish.
        drop(self.listener);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.drain_timeout, drained).await.is_err() {
            tracing::warn!(
                seconds = self.drain_timeout.as_secs(),
                "requests were still in flight at the end of the drain time"
            );
        }
    }
}

/// As many connections as the operating system gives descriptors for, less what the rest of the process needs.
///
/// A process that runs out of them can neither accept nor read its database, so it must not come to that.
fn connection_limit(max_connections: u64) -> usize {
    let wanted = max_connections.saturating_add(RESERVED_DESCRIPTORS);
    // Up to the hard limit a process may raise its own; where there are no such limits, the wish is granted.
    let given = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted).min(wanted);
    let connections = given.saturating_sub(RESERVED_DESCRIPTORS).max(given / 2).min(max_connections);
    usize::try_from(connections).unwrap_or(Semaphore::MAX_PERMITS)
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address} (`server.listen`)")]
    Address {
        /// The address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// Whoever wrote the settings: the certificate is unusable.
    // Not transparent: the source must stay in the chain, where the exit code is decided by it.
    #[error("the settings cannot be used")]
    Settings(#[from] crate::settings::SettingsError),
}

impl From<KeyProblem> for BindError {
    fn from(problem: KeyProblem) -> Self {
        Self::Settings(problem.into())
    }
}
