//! The byte stream between a peer and hyper.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::Deadline;
use super::framing::Framing;
use super::head::Refusal;
use super::held::Held;
use super::limits::Limits;
use super::peer::Peer;
use super::progress::Reached;
use super::refusal::{Grounds, is_library_answer};

/// The bytes that hyper reads in place of a refused head.
///
/// hyper answers them with 400 and closes the connection, after the answers to earlier requests.
const NO_HEAD: &[u8] = b"\0\r\n\r\n";

/// A stream that ends when its peer is too slow, and passes no ambiguous request on.
#[derive(Debug)]
pub(super) struct PeerStream<I> {
    io: I,
    peer: Arc<Peer>,
    framing: Framing,
    head: Deadline,
    /// For the next request to begin.
    idle: Deadline,
    body: Deadline,
    write: Deadline,
    refused: Option<Refused>,
    held: Option<Held>,
    /// hyper has read bytes and since then neither read nor written.
    is_answering: bool,
    /// A byte that came while hyper was answering; already seen by `framing`.
    early: Option<u8>,
}

/// What hyper does not see.
#[derive(Debug)]
struct Refused {
    reason: Refusal,
    /// The unread rest of [`NO_HEAD`], followed by the end of the stream. Unused if a body is refused, since that is an
    /// error of the stream, so that no handler takes the body for complete.
    left: &'static [u8],
}

impl<I> PeerStream<I> {
    pub(super) fn new(io: I, peer: Arc<Peer>, limits: &Limits) -> Self {
        Self {
            io,
            framing: Framing::new(limits.max_header_bytes),
            head: Deadline::after(limits.header_timeout).with_first_end(peer.first_head_by),
            idle: Deadline::after(limits.keep_alive),
            body: Deadline::after(limits.body_timeout),
            write: Deadline::after(limits.write_timeout),
            refused: None,
            held: None,
            is_answering: false,
            early: None,
            peer,
        }
    }

    /// Returns whether the peer may be sending bytes that will not be read.
    pub(super) fn has_unread(&self) -> bool {
        self.framing.has_unread() || self.early.is_some()
    }

    /// Returns why a request was refused.
    pub(super) fn grounds(&self) -> Grounds {
        let refusal = self.refused.as_ref().map(|refused| refused.reason);
        Grounds { refusal, by_request_line: self.framing.is_large_by_request_line() }
    }

    /// Returns the inner stream and, if the last response is still held back, that response.
    pub(super) fn into_parts(self) -> (I, Option<Held>) {
        (self.io, self.held)
    }

    /// Counts the peer if its time is over.
    fn in_time<T>(&self, waited: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if waited.is_ready() {
            self.peer.counts.add_timed_out();
        }
        waited
    }

    /// Applies the time limit to a pending write.
    fn written<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            return written;
        }
        let waited = self.write.poll_expired(context);
        self.in_time(waited)
    }

    /// Applies the time limit to a pending read.
    fn unread(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let deadline = if self.framing.is_in_body() {
            &mut self.body
        } else if self.framing.is_between_requests() {
            self.peer.idleness.begin();
            &mut self.idle
        } else {
            &mut self.head
        };
        let waited = deadline.poll_expired(context);
        self.in_time(waited)
    }

    /// Checks received bytes and returns how many of them hyper may see.
    fn follow(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let heads = self.framing.heads();
        let seen = match self.framing.follow(bytes) {
            Ok(()) => bytes.len(),
            Err(refused) => {
                if refused.reason == Refusal::ChunkedBody {
                    self.peer.progress.set_malformed_body(self.framing.heads());
                }
                self.refused = Some(Refused { reason: refused.reason, left: NO_HEAD });
                refused.after
            }
        };
        if !self.framing.is_in_body() {
            self.body.clear();
        }
        if !self.framing.is_between_requests() {
            self.idle.clear();
        }
        if self.framing.heads() > heads {
            self.head.clear();
            self.idle.clear();
            if !self.peer.idleness.end() {
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
        }
        self.peer.progress.reach(if self.framing.is_in_head() {
            Reached::PartOfHead
        } else if self.framing.heads() > 0 || self.framing.has_unread() {
            Reached::Head
        } else {
            Reached::Nothing
        });
        Ok(seen)
    }
}

impl<I: AsyncWrite + Unpin> PeerStream<I> {
    /// Writes the held bytes, once they turned out not to be the last answer.
    fn poll_release(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(held) = &mut self.held {
            let written = held.poll_write(Pin::new(&mut self.io), context);
            ready!(self.written(context, written))?;
            self.held = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + Unpin> PeerStream<I> {
    /// Ends the connection of a peer that goes away before its answer, so that its request is abandoned.
    ///
    /// Only after the whole request: hyper itself reads the body, and a byte taken here would split a read there. hyper
    /// could also watch for a closed connection, but would allocate a buffer for each request.
    fn watch(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let has_more = self.framing.is_in_body() || self.early.is_some() || self.refused.is_some();
        if !self.is_answering || has_more {
            return Ok(());
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        if Pin::new(&mut self.io).poll_read(context, &mut buffer)?.is_ready() {
            let [early] = buffer.filled() else { return Err(io::ErrorKind::UnexpectedEof.into()) };
            let early = *early;
            self.early = (self.follow(&[early])? == 1).then_some(early);
        }
        Ok(())
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for PeerStream<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        this.is_answering = false;
        if let Some(early) = this.early.take() {
            buffer.put_slice(&[early]);
            return Poll::Ready(Ok(()));
        }
        if this.refused.is_none() {
            if Pin::new(&mut this.io).poll_read(context, buffer)?.is_pending() {
                return this.unread(context);
            }
            this.is_answering = buffer.filled().len() > before;
            let seen = this.follow(buffer.filled().get(before..).unwrap_or_default())?;
            buffer.set_filled(before + seen);
        }
        if let Some(Refused { reason, left }) = &mut this.refused {
            if *reason == Refusal::ChunkedBody {
                let has_passed_bytes = buffer.filled().len() > before;
                let error = io::Error::new(io::ErrorKind::InvalidData, *reason);
                return Poll::Ready(if has_passed_bytes { Ok(()) } else { Err(error) });
            }
            let (now, later) = left.split_at(left.len().min(buffer.remaining()));
            buffer.put_slice(now);
            *left = later;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for PeerStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_release(context))?;
        self.is_answering = false;
        if is_library_answer(bytes) {
            self.held = Some(Held::new(bytes));
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [bytes] = slices {
            return self.poll_write(context, bytes);
        }
        ready!(self.poll_release(context))?;
        self.is_answering = false;
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.as_mut().is_some_and(|held| !held.may_be_last(context)) {
            ready!(self.poll_release(context))?;
        }
        self.watch(context)?;
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if flushed.is_ready() {
            // Everything has been sent.
            self.write.clear();
        }
        self.written(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.held.is_some() {
            // It is the last answer; `connection::close` writes it or its replacement.
            return Poll::Ready(Ok(()));
        }
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.written(context, shut)
    }
}
