//! How long a peer may keep the server waiting for one thing.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// A time limit that ends with [`Deadline::met`].
///
/// Progress does not extend it, so that a peer cannot buy time with single bytes.
#[derive(Debug)]
pub(super) struct Deadline {
    begin: Begin,
    running: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Clone, Copy)]
enum Begin {
    /// With the first wait, each time anew.
    AtFirstWait(Duration),
    /// Long since.
    Before { end: Instant },
}

impl Deadline {
    /// So much time from the first wait.
    pub(super) fn after(limit: Duration) -> Self {
        Self { begin: Begin::AtFirstWait(limit), running: None }
    }

    /// Until then.
    pub(super) fn at(end: Instant) -> Self {
        Self { begin: Begin::Before { end }, running: None }
    }

    /// What was waited for has come.
    pub(super) fn met(&mut self) {
        self.running = None;
    }

    /// Is pending while there is time left, and an error from then on.
    pub(super) fn poll_missed<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let begin = self.begin;
        let running = self.running.get_or_insert_with(|| {
            Box::pin(sleep_until(match begin {
                Begin::AtFirstWait(limit) => Instant::now() + limit,
                Begin::Before { end } => end,
            }))
        });
        running.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}
