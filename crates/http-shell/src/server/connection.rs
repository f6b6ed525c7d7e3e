//! One connection, and what its peer can hold open.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;

use futures_util::TryFutureExt;
use http::{HeaderValue, Request, Response, header};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::Tls;
use super::counts::ConnectionCounts;
use super::ending::Ending;
use super::limits::Limits;
use super::progress::{Progress, Reached};
use super::refusal;
use super::room::Unfinished;
use super::stream::PeerStream;

/// What holds for every connection of a server.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) tls: Option<Tls>,
    pub(super) limits: Limits,
    pub(super) ending: Ending,
}

impl Terms {
    /// Waits until a connection on which nothing has come is not waited for any longer.
    async fn no_beginning(&self) {
        self.ending.drained().await;
        sleep(self.limits.begin_timeout).await;
    }
}

/// What is known of a connection's peer.
#[derive(Debug)]
pub(super) struct Peer {
    /// When its first head must have come, with the TLS handshake before it.
    pub(super) first_head_by: Instant,
    pub(super) unfinished: Unfinished,
    pub(super) progress: Progress,
    pub(super) counts: Arc<ConnectionCounts>,
}

pub(super) async fn serve_connection<I, S, B>(stream: I, peer: Arc<Peer>, terms: Terms, service: S)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible, Future: Send> + Send + 'static,
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let Some(Tls(acceptor)) = &terms.tls else {
        return serve_stream(stream, peer, &terms, service).await;
    };
    let handshake = timeout_at(peer.first_head_by, acceptor.accept(stream));
    let shaken = tokio::select! {
        biased;
        shaken = handshake => shaken,
        () = terms.no_beginning() => return,
    };
    match shaken {
        Ok(Ok(stream)) => serve_stream(stream, peer, &terms, service).await,
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
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + Send + 'static,
{
    let limits = &terms.limits;
    let server = terms.ending.clone();
    let service = service_fn(move |request| {
        let ending = server.clone();
        service.call(request).map_ok(move |mut response| {
            if ending.has_begun() {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            response
        })
    });
    let io = TokioIo::new(PeerStream::new(stream, Arc::clone(&peer), limits));
    // At most 100 header fields is its default; set, it would cost an allocation for each request. For the time of a
    // head, and for peers that go away before they are answered, the stream does without one: the library reads as soon
    // as it has answered, so that each wait for a head passes by the stream.
    let mut connection = http1::Builder::new()
        .header_read_timeout(None)
        .max_header_size(limits.max_header_bytes)
        .max_buf_size(limits.max_header_bytes)
        .half_close(true)
        .serve_connection(io, service);
    let ended = until_its_end(&mut connection, http1::Connection::graceful_shutdown, &peer, terms).await;
    say_goodbye(connection.into_parts().io.into_inner(), ended, &peer, limits).await;
}

/// Drives a connection, and ends it in good order once the server is to drain.
async fn until_its_end<C>(
    connection: &mut C,
    finish: fn(Pin<&mut C>),
    peer: &Peer,
    terms: &Terms,
) -> hyper::Result<()>
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
    // The library would close a connection that is in a later head than its first, too.
    if peer.progress.reached() != Reached::PartOfHead {
        finish(Pin::new(connection));
    }
    connection.await
}

/// Writes what is left to be said to the peer, and lets it finish where it may be sending on.
async fn say_goodbye<I>(stream: PeerStream<I>, ended: hyper::Result<()>, peer: &Peer, limits: &Limits)
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    let (grounds, has_unread) = (stream.grounds(), stream.has_unread());
    let (mut io, held) = stream.into_parts();
    let was_refused = ended.as_ref().is_err_and(hyper::Error::is_parse);
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

/// Says that nothing more will be sent, and lets the peer finish sending, within a number of bytes.
///
/// A connection closed with bytes unread is reset, and the reset can overtake the answer that said why.
async fn read_to_end(mut stream: impl AsyncRead + AsyncWrite + Unpin, mut left: usize) {
    let _ = stream.shutdown().await;
    let mut unread = vec![0; 8 * 1024];
    while let Ok(length @ 1..) = stream.read(&mut unread).await
        && length < left
    {
        left -= length;
    }
}
