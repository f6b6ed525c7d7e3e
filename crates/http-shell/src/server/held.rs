//! Holds back bytes that look like the HTTP library's own answer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

/// How often hyper flushes its last answer before it shuts the connection down.
const LAST_FLUSHES: u8 = 2;

/// Bytes that look like hyper's own answer to a head that it refused.
///
/// hyper shuts the connection down in the same poll as that answer. Other bytes that look the same, such as a piece of
/// a body, are released with the next poll.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Vec<u8>,
    written: usize,
    flushes: u8,
}

impl Held {
    pub(super) fn new(bytes: &[u8]) -> Self {
        Self { bytes: bytes.to_vec(), written: 0, flushes: 0 }
    }

    /// Counts a flush; returns whether the answer may still be the last.
    pub(super) fn may_be_last(&mut self, context: &mut Context<'_>) -> bool {
        self.flushes = self.flushes.saturating_add(1);
        context.waker().wake_by_ref();
        self.flushes <= LAST_FLUSHES
    }

    /// Writes the remaining bytes.
    pub(super) fn poll_write(
        &mut self,
        mut io: Pin<&mut impl AsyncWrite>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(left) = self.bytes.get(self.written..).filter(|left| !left.is_empty()) {
            let written = ready!(io.as_mut().poll_write(context, left))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the bytes that have not been written.
    pub(super) fn unwritten(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }
}
