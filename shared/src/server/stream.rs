//! The bytes between a peer and the HTTP library.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::deadline::Deadline;
use super::framing::Framing;
use super::limits::Limits;

/// What the HTTP library reads in place of a head that it must not see.
///
/// It answers 400 and closes, as to any head that cannot be read, and does so in turn: after the requests before.
const NO_HEAD: &[u8] = b"\0\r\n\r\n";

/// A connection that ends when its peer keeps it waiting, and lets no ambiguous request through.
#[derive(Debug)]
pub(super) struct PeerStream<I> {
    io: I,
    framing: Framing,
    body: Deadline,
    write: Deadline,
    /// Once a head was refused: what is left to be read of [`NO_HEAD`], and after it the end.
    refused: Option<&'static [u8]>,
}

impl<I> PeerStream<I> {
    pub(super) fn new(io: I, limits: &Limits) -> Self {
        Self {
            io,
            framing: Framing::new(limits.max_header_bytes),
            body: Deadline::new(limits.body_timeout),
            write: Deadline::new(limits.write_timeout),
            refused: None,
        }
    }

    /// Whether the peer may be sending what nobody will read.
    pub(super) fn has_unread(&self) -> bool {
        self.framing.has_unread()
    }

    pub(super) fn into_inner(self) -> I {
        self.io
    }

    /// Stands between every write and the peer.
    fn in_time<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_pending() { self.write.poll_missed(context) } else { written }
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
        if this.refused.is_none() {
            if Pin::new(&mut this.io).poll_read(context, buffer)?.is_pending() {
                return if this.framing.is_in_body() {
                    this.body.poll_missed(context)
                } else {
                    Poll::Pending
                };
            }
            if let Err(refused) = this.framing.follow(buffer.filled().get(before..).unwrap_or_default()) {
                tracing::debug!(reason = %refused.reason, "refused a request for its form");
                buffer.set_filled(before + refused.after);
                this.refused = Some(NO_HEAD);
            }
            if !this.framing.is_in_body() {
                this.body.met();
            }
        }
        if let Some(left) = &mut this.refused {
            let (now, later) = left.split_at(left.len().min(buffer.remaining()));
            buffer.put_slice(now);
            *left = later;
        }
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for PeerStream<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.in_time(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, slices);
        self.in_time(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(context);
        if flushed.is_ready() {
            // All that waited to be sent has been taken.
            self.write.met();
        }
        self.in_time(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(context);
        self.in_time(context, shut)
    }
}
