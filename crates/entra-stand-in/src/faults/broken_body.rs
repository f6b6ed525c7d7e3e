//! A response body that breaks off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body::Frame;

/// Sends these bytes and then fails, so that the server closes the connection.
pub(super) enum BrokenBody {
    /// The bytes are still to be sent.
    Whole(Bytes),
    /// The bytes were handed over. They are sent once the body has nothing more to give for the moment.
    Handed,
    /// They were sent.
    Sent,
}

impl BrokenBody {
    pub(super) fn after(sent: Bytes) -> Body {
        Body::new(if sent.is_empty() { Self::Sent } else { Self::Whole(sent) })
    }
}

impl HttpBody for BrokenBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match std::mem::replace(&mut *self, Self::Sent) {
            Self::Whole(sent) => {
                *self = Self::Handed;
                Poll::Ready(Some(Ok(Frame::data(sent))))
            }
            Self::Handed => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Sent => {
                let told = io::Error::new(io::ErrorKind::ConnectionReset, "a fault script says so");
                Poll::Ready(Some(Err(told)))
            }
        }
    }
}
