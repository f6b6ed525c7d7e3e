//! One connection, and what its peer can hold open.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::Tls;
use super::limits::Limits;
use super::stream::PeerStream;

/// How long to wait before accepting again after running out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What holds for every connection of a server.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) shutdown: CancellationToken,
}

pub(super) async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small; waiting to fill a packet only adds latency.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) if is_about_one_connection(&error) => (),
            Err(error) => {
                tracing::error!(%error, "cannot accept a connection; trying again");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

pub(super) async fn serve_connection<S, B>(stream: TcpStream, terms: Terms, service: S)
where
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let limits = terms.limits;
    match terms.tls {
        None => serve_stream(stream, limits, terms.shutdown, service).await,
        Some(Tls(acceptor)) => {
            match tokio::time::timeout(limits.header_timeout, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => serve_stream(stream, limits, terms.shutdown, service).await,
                Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
                Err(_) => tracing::debug!("the TLS handshake took too long"),
            }
        }
    }
}

async fn serve_stream<I, S, B>(stream: I, limits: Limits, shutdown: CancellationToken, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: tower::Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    // At most 100 header fields is its default; set, it would cost an allocation for each request.
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes)
        .serve_connection(TokioIo::new(PeerStream::new(stream, &limits)), TowerToHyperService::new(service));
    let ended = if let Some(ended) = shutdown.run_until_cancelled(&mut connection).await {
        ended
    } else {
        Pin::new(&mut connection).graceful_shutdown();
        (&mut connection).await
    };
    let stream = connection.into_parts().io.into_inner();
    let was_refused = match ended {
        Ok(()) => stream.has_unread(),
        Err(error) => {
            tracing::debug!(%error, "a connection ended early");
            error.is_parse()
        }
    };
    if was_refused {
        let end = tokio::time::timeout(limits.linger, read_to_end(stream.into_inner()));
        let _ = shutdown.run_until_cancelled(end).await;
    }
}

/// Says that nothing more will be sent, and lets the peer finish sending.
///
/// A connection closed with bytes unread is reset, and the reset can overtake the answer that said why.
async fn read_to_end(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let _ = stream.shutdown().await;
    let mut unread = vec![0; 8 * 1024];
    while stream.read(&mut unread).await.is_ok_and(|length| length > 0) {}
}
