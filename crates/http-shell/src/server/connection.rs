//! Serves one connection within the limits.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytes::Bytes;
use futures_util::TryFutureExt;
use http::{HeaderName, HeaderValue, Request, Response, Version, header};
use http_body_util::Either;
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{sleep, timeout, timeout_at};

use super::ending::Ending;
use super::first_byte::FirstByte;
use super::head::Refusal;
use super::limits::Limits;
use super::peer::Peer;
use super::progress::Reached;
use super::refusal;
use super::stream::PeerStream;
use super::tls::Tls;

/// RFC 2068 section 19.7.1.1; still what proxies and browsers read.
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// The terms of every connection of a server.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) ending: Ending,
}

impl Terms {
    /// Waits until a silent connection is to be closed.
    async fn no_beginning(&self) {
        self.ending.drained().await;
        sleep(self.limits.begin_timeout).await;
    }
}

pub(super) async fn serve_connection<I, S, B>(stream: I, peer: Arc<Peer>, terms: Terms, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let Some(tls) = &terms.tls else {
        return serve_stream(stream, peer, &terms, service).await;
    };
    let handshake = timeout_at(peer.first_head_by, async {
        let stream = FirstByte::read(stream).await?;
        if stream.is_http() { Ok(Err(stream)) } else { tls.acceptor.accept(stream).await.map(Ok) }
    });
    let shaken = tokio::select! {
        biased;
        shaken = handshake => shaken,
        () = terms.no_beginning() => return,
    };
    match shaken {
        Ok(Ok(Err(mut stream))) => {
            peer.counts.add_refused();
            let _ = timeout(terms.limits.write_timeout, stream.write_all(&refusal::answer_to_http())).await;
            let _ = timeout(terms.limits.linger, read_to_end(stream, terms.limits.linger_bytes)).await;
        }
        Ok(Ok(Ok(stream))) => serve_stream(stream, peer, &terms, service).await,
        Ok(Err(error)) => tracing::debug!(%error, "the TLS handshake failed"),
        Err(_) => {
            peer.counts.add_timed_out();
            tracing::debug!("the TLS handshake took too long");
        }
    }
}

async fn serve_stream<I, S, B>(stream: I, peer: Arc<Peer>, terms: &Terms, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let limits = &terms.limits;
    let server = terms.ending.clone();
    // Cannot fail: it is ASCII.
    let keep_alive = HeaderValue::try_from(format!("timeout={}", limits.keep_alive.as_secs())).ok();
    let requests = AtomicU64::new(0);
    let asking = Arc::clone(&peer);
    let service = service_fn(move |request: Request<Incoming>| {
        let (ending, peer) = (server.clone(), Arc::clone(&asking));
        let is_last = request.version() != Version::HTTP_11
            || request.headers().get(header::CONNECTION).is_some_and(|value| value == "close");
        let keep_alive = keep_alive.clone().filter(|_| !is_last);
        let number = requests.fetch_add(1, Relaxed) + 1;
        service.call(request).map_ok(move |response| {
            if peer.progress.has_malformed_body(number) {
                return refusal::answer_to_malformed_body().map(Either::Right);
            }
            let mut response = response.map(Either::Left);
            if ending.has_begun() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            } else if let Some(keep_alive) = keep_alive
                && !response.headers().contains_key(header::CONNECTION)
            {
                response.headers_mut().insert(KEEP_ALIVE, keep_alive);
            }
            response
        })
    });
    let io = TokioIo::new(PeerStream::new(stream, Arc::clone(&peer), limits));
    // hyper's default of at most 100 header fields stays: setting it costs an allocation for each request. The stream
    // limits the time for a head and notices peers that go away, since hyper reads from it right after each answer.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes)
        .half_close(true)
        .serve_connection(io, service);
    let ended = run(&mut connection, http1::Connection::graceful_shutdown, &peer, terms).await;
    close(connection.into_parts().io.into_inner(), ended, &peer, limits).await;
}

/// Drives a connection, and shuts it down gracefully once the server drains.
async fn run<C>(connection: &mut C, finish: fn(Pin<&mut C>), peer: &Peer, terms: &Terms) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>> + Unpin,
{
    if let Some(ended) = terms.ending.run_until_drained(connection).await {
        return ended;
    }
    if peer.progress.reached() == Reached::Nothing
        && let Ok(ended) = timeout(terms.limits.begin_timeout, &mut *connection).await
    {
        return ended;
    }
    // hyper's graceful shutdown would cut off a head that the peer is sending.
    if peer.progress.reached() != Reached::PartOfHead {
        finish(Pin::new(connection));
    }
    connection.await
}

/// Writes the remaining answer, and reads on for a while if the peer may still be sending.
async fn close<I>(stream: PeerStream<I>, ended: hyper::Result<()>, peer: &Peer, limits: &Limits)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (grounds, has_unread) = (stream.grounds(), stream.has_unread());
    let (mut io, held) = stream.into_parts();
    let was_refused =
        ended.as_ref().is_err_and(hyper::Error::is_parse) || grounds.refusal == Some(Refusal::ChunkedBody);
    if let Err(error) = &ended {
        tracing::debug!(%error, "a connection ended early");
    }
    if was_refused {
        peer.counts.add_refused();
    }
    if let Some(held) = held {
        let bytes = if was_refused {
            let problem = refusal::problem(held.unwritten(), grounds);
            tracing::debug!(
                status = problem.status.as_u16(),
                code = problem.code,
                "refused a request for its form"
            );
            refusal::answer(&problem, held.unwritten())
        } else {
            held.unwritten().to_vec()
        };
        let written = async { io.write_all(&bytes).await.is_ok() && io.flush().await.is_ok() };
        let _ = timeout(limits.write_timeout, written).await;
    }
    if was_refused || (ended.is_ok() && has_unread) {
        let _ = timeout(limits.linger, read_to_end(io, limits.linger_bytes)).await;
    }
}

/// Shuts down the sending side and reads at most `left` bytes.
///
/// Closing a connection with unread bytes resets it, and the reset can overtake the answer.
async fn read_to_end(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut left: usize) {
    let _ = stream.shutdown().await;
    let mut unread = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut unread).await
        && length < left
    {
        left -= length;
    }
}
