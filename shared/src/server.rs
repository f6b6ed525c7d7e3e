//! The one HTTP server: binding, TLS, limits on what a peer can hold open, and an orderly end.
//!
//! `axum::serve` has no limits: a half-sent header stays open for ever and keeps a graceful shutdown from ending.
//! HTTP/1.1 only: between services nothing is lost, and HTTP/2's own ways of exhausting a server are shut out.

mod connection;
mod settings;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use connection::{accept, serve_connection};
pub use settings::ServerSettings;
pub use tls::{ServerCertificate, TlsSettings};

use crate::settings::KeyProblem;

/// The most connections at a time; further ones wait in the operating system's queue.
const MAX_CONNECTIONS: u64 = 10_000;

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
        Ok(Self { listener, address, tls, drain_timeout: Duration::from_secs(10) })
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
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        let permits = Arc::new(Semaphore::new(connection_limit()));
        while let Some(stream) = shutdown.run_until_cancelled(accept(&self.listener)).await {
            let Some(Ok(permit)) = shutdown.run_until_cancelled(Arc::clone(&permits).acquire_owned()).await
            else {
                break;
            };
            let (service, tls, watcher) = (service.clone(), self.tls.clone(), graceful.watcher());
            connections.spawn(async move {
                serve_connection(stream, tls, service, watcher).await;
                drop(permit);
            });
            while connections.try_join_next().is_some() {}
        }
        // Nobody new gets in while the rest finish.
        drop(self.listener);
        let drained = async {
            graceful.shutdown().await;
            while connections.join_next().await.is_some() {}
        };
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
fn connection_limit() -> usize {
    let wanted = MAX_CONNECTIONS + RESERVED_DESCRIPTORS;
    // Up to the hard limit a process may raise its own; where there are no such limits, the wish is granted.
    let given = rlimit::increase_nofile_limit(wanted).unwrap_or(wanted).min(wanted);
    let connections = given.saturating_sub(RESERVED_DESCRIPTORS).max(given / 2);
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

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::connection::{MAX_HEADER_BYTES, MAX_HEADERS};
    use super::*;

    type Answer = Result<Response<String>, Infallible>;

    /// Serves `handler` on a free port and returns the address, the shutdown and the end of it.
    async fn spawn<F>(handler: fn() -> F) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>)
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        let mut server = Server::bind_address((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
        server.drain_timeout = Duration::from_millis(500);
        let (address, shutdown) = (server.address(), CancellationToken::new());
        let service = tower::service_fn(move |_: Request<Incoming>| handler());
        (address, shutdown.clone(), tokio::spawn(server.serve(service, shutdown)))
    }

    async fn hello() -> Answer {
        Ok(Response::new("hello".into()))
    }

    #[tokio::test]
    async fn a_request_in_flight_finishes_after_the_shutdown_began() {
        async fn slow() -> Answer {
            tokio::time::sleep(Duration::from_millis(200)).await;
            hello().await
        }
        let (address, shutdown, end) = spawn(slow).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        shutdown.cancel();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
        end.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_half_sent_header_does_not_keep_the_server_from_ending() {
        let (address, shutdown, end) = spawn(hello).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHo").await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        shutdown.cancel();
        tokio::time::timeout(Duration::from_secs(5), end).await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_header_beyond_the_limits_is_answered_431() {
        let (address, _shutdown, _end) = spawn(hello).await;
        let many = "X: y\r\n".repeat(MAX_HEADERS + 1);
        for fields in [many, format!("X: {}\r\n", "y".repeat(MAX_HEADER_BYTES))] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("GET / HTTP/1.1\r\n{fields}\r\n");
            let _ = stream.write_all(request.as_bytes()).await;
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 431");
        }
    }
}
