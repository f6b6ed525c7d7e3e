//! How long a peer may keep the server waiting for one thing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// A time limit that begins with the first wait and ends with [`Deadline::met`].
///
/// Progress does not extend it, so that a peer cannot buy time with single bytes.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    running: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, running: None }
    }

    /// What was waited for has come.
    pub(super) fn met(&mut self) {
        self.running = None;
    }

    /// Is pending while there is time left, and an error from then on.
    pub(super) fn poll_missed<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let running = self.running.get_or_insert_with(|| Box::pin(sleep(limit)));
        running.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}
