//! The HTTP server, with TLS, limits on what a peer can hold open, and graceful shutdown.
//!
//! `axum::serve` has no limits: a half-sent header stays open for ever and keeps a graceful shutdown from ending.
//!
//! The server speaks HTTP/1.1 only. Between services nothing is lost by that, and HTTP/2's own ways of exhausting a
//! server are excluded.

mod chunked;
mod connection;
mod connection_limit;
mod counts;
mod deadline;
mod ending;
mod first_byte;
mod framing;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod held;
mod limits;
mod listener;
mod peer;
mod progress;
mod refusal;
mod registered_waker;
mod settings;
pub(crate) mod status;
mod stream;
#[cfg(test)]
mod tests;
mod tls;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::Service;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::InvalidSetting;
use connection::{Terms, serve_connection};
use connection_limit::{ConnectionLimit, Permit};
pub use counts::ConnectionCounts;
use ending::Ending;
use limits::{FEW_CONNECTIONS, Limits};
use peer::Peer;
use progress::Progress;
pub use settings::{ServerSettings, local_url};
pub use status::ServerStatus;
use tls::Tls;
pub use tls::{CurrentCertificate, ServerCertificate, TlsSettings};

/// A server that has its address and serves once it is given a service.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<Tls>,
    limits: Limits,
    shutdown_delay: Duration,
    drain_timeout: Duration,
    counts: Arc<ConnectionCounts>,
}

impl Server {
    /// Binds the address in the settings and reads the certificate, if one is named.
    ///
    /// # Errors
    /// The address is taken, or a file of the certificate is unusable.
    pub async fn bind(settings: &ServerSettings) -> Result<Self, BindError> {
        let tls = settings.tls.as_ref().map(Tls::read).transpose()?;
        let server = Self::bind_address(settings.listen, None).await?;
        Ok(Self {
            tls,
            limits: Limits { keep_alive: settings.keep_alive(), ..server.limits },
            shutdown_delay: settings.shutdown_delay(),
            drain_timeout: settings.drain_timeout(),
            ..server
        })
    }

    /// Binds an address; serves https if there is a certificate.
    ///
    /// # Errors
    /// The address is taken, or the certificate is unusable.
    pub async fn bind_address(
        address: SocketAddr,
        certificate: Option<&ServerCertificate>,
    ) -> Result<Self, BindError> {
        let tls = certificate.map(Tls::new).transpose()?;
        let failed = |source| BindError::Address { address, setting: "server.listen", source };
        let listener = listener::bind(address).await.map_err(failed)?;
        Ok(Self {
            address: listener.local_addr().map_err(failed)?,
            listener,
            tls,
            limits: Limits::default(),
            shutdown_delay: Duration::ZERO,
            drain_timeout: Duration::from_secs(10),
            counts: Arc::default(),
        })
    }

    /// Limits the time from the shutdown to the end of the last request.
    #[must_use]
    pub fn with_drain_timeout(mut self, time: Duration) -> Self {
        self.drain_timeout = time;
        self
    }

    /// Reserves a few connections for this server, which the other servers of the process leave free.
    ///
    /// For a listener that must answer while the service itself is full, such as that of its metrics.
    #[must_use]
    pub fn with_few_connections(mut self) -> Self {
        self.limits.max_connections = FEW_CONNECTIONS;
        self
    }

    /// Returns the address that was bound, with the port that the operating system chose for port 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the base URL for a client on this machine, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        local_url(self.tls.is_some(), self.address)
    }

    /// Returns what it reports as metrics.
    #[must_use]
    pub fn status(&self) -> ServerStatus {
        ServerStatus::new(self.counts(), self.tls.as_ref().map(Tls::certificate))
    }

    fn counts(&self) -> Arc<ConnectionCounts> {
        Arc::clone(&self.counts)
    }

    /// Serves until `shutdown`, then lets requests in flight finish within the drain time.
    ///
    /// After `shutdown` each answer is the last of its connection. New connections are accepted until the shutdown delay
    /// is over, so that load balancers learn from the readiness check that this server is going.
    pub async fn serve<S, B>(self, service: S, shutdown: CancellationToken)
    where
        S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
            + Clone
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let service = TowerToHyperService::new(service);
        let ending = Ending::default();
        let mut certificate = self.tls.clone();
        let terms = Terms { tls: self.tls, limits: self.limits, ending: ending.clone() };
        let mut open = Connections {
            limit: ConnectionLimit::new(&self.limits, Arc::clone(&self.counts)),
            terms,
            counts: self.counts,
            tasks: JoinSet::new(),
        };
        let last_accept = async {
            shutdown.cancelled().await;
            ending.begin();
            let begin = Instant::now();
            sleep_until(begin + self.shutdown_delay).await;
            begin
        };
        // Accepted, and waiting for a permit.
        let mut waiting = None;
        let accepting = async {
            loop {
                waiting = Some(listener::accept(&self.listener).await);
                let permit = open.limit.acquire().await;
                if let Some(stream) = waiting.take() {
                    open.serve(stream, permit, service.clone());
                }
            }
        };
        let keep_certificate_current = async {
            match &mut certificate {
                Some(tls) => tls.keep_current().await,
                None => std::future::pending().await,
            }
        };
        let begin = tokio::select! {
            biased;
            begin = last_accept => begin,
            () = keep_certificate_current => Instant::now(),
            () = accepting => Instant::now(),
        };
        for stream in waiting.into_iter().chain(listener::close(self.listener).await) {
            let permit = open.limit.try_acquire();
            open.serve(stream, permit, service.clone());
        }
        open.finish(begin + self.drain_timeout).await;
    }
}

/// The open connections of a server.
struct Connections {
    limit: ConnectionLimit,
    terms: Terms,
    counts: Arc<ConnectionCounts>,
    tasks: JoinSet<()>,
}

impl Connections {
    fn serve<S, B>(&mut self, stream: TcpStream, permit: Permit, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send>
            + Send
            + 'static,
        B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
    {
        let terms = self.terms.clone();
        let first_head_by = Instant::now() + terms.limits.header_timeout;
        let counts = Arc::clone(&self.counts);
        self.limit.start(|idleness| {
            let progress = Progress::default();
            let peer = Arc::new(Peer { first_head_by, idleness, progress, counts });
            self.tasks.spawn(async move {
                serve_connection(stream, peer, terms, service).await;
                drop(permit);
            })
        });
        while self.tasks.try_join_next().is_some() {}
    }

    /// Lets them finish until `end`.
    async fn finish(mut self, end: Instant) {
        self.terms.ending.drain();
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(end, finished).await.is_err() {
            tracing::warn!(
                open = self.tasks.len(),
                "connections were still open at the end of the drain time"
            );
        }
    }
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address} (`{setting}`)")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The key of the address in the settings.
        setting: &'static str,
        /// The operating system's error.
        source: io::Error,
    },
    /// The certificate in the settings is unusable.
    // Not transparent: the source must stay in the chain, which decides the exit code.
    #[error("the settings cannot be used")]
    Settings(#[from] InvalidSetting),
}
