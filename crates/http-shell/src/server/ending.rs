//! Notifies the connections of a server that it is shutting down.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::SeqCst};
use std::task::Poll;

use tokio_util::sync::CancellationToken;

use super::registered_waker::RegisteredWaker;

/// The stage of a server's shutdown. Clones share it.
///
/// Every request reads the stage, so it is an atomic number; the token wakes waiting tasks.
#[derive(Debug, Clone, Default)]
pub(super) struct Ending(Arc<Stage>);

#[derive(Debug, Default)]
struct Stage {
    reached: AtomicU8,
    drain: CancellationToken,
}

const BEGUN: u8 = 1;
const DRAINING: u8 = 2;

impl Ending {
    /// Makes each further answer the last of its connection.
    pub(super) fn begin(&self) {
        self.0.reached.fetch_max(BEGUN, SeqCst);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.0.reached.load(SeqCst) >= BEGUN
    }

    /// Ends idle connections; no new ones are accepted any more.
    pub(super) fn drain(&self) {
        self.0.reached.fetch_max(DRAINING, SeqCst);
        self.0.drain.cancel();
    }

    /// Waits until the server drains.
    pub(super) async fn drained(&self) {
        self.0.drain.cancelled().await;
    }

    /// Runs a future; returns `None` if the server drains before it completes.
    pub(super) async fn run_until_drained<F: Future + Unpin>(&self, future: &mut F) -> Option<F::Output> {
        let mut drained = pin!(self.0.drain.cancelled());
        let mut waker = RegisteredWaker::default();
        std::future::poll_fn(|context| {
            // The future first, so that bytes that have arrived are read.
            if let Poll::Ready(output) = Pin::new(&mut *future).poll(context) {
                return Poll::Ready(Some(output));
            }
            // Polling the token takes a lock that all connections share; once for each waker is enough.
            if waker.register(context) && self.0.reached.load(SeqCst) < DRAINING {
                return Poll::Pending;
            }
            drained.as_mut().poll(context).map(|()| None)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::sync::atomic::AtomicU32;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_future_runs_to_its_end_or_until_the_server_drains() {
        let ending = Ending::default();
        let mut waits = Box::pin(sleep(Duration::from_secs(1)));
        assert_eq!(ending.run_until_drained(&mut waits).await, Some(()));
        let drain = async {
            sleep(Duration::from_secs(1)).await;
            ending.begin();
            assert!(ending.has_begun());
            sleep(Duration::from_secs(1)).await;
            ending.drain();
        };
        // Polled again and again meanwhile, as a connection is.
        let polls = AtomicU32::new(0);
        let mut ticks = Box::pin(async {
            loop {
                sleep(Duration::from_millis(10)).await;
                polls.fetch_add(1, SeqCst);
            }
        });
        let begin = tokio::time::Instant::now();
        let (ended, ()) = tokio::join!(ending.run_until_drained(&mut ticks), drain);
        assert_eq!((ended, begin.elapsed().as_secs()), (None::<()>, 2));
        assert!(polls.load(SeqCst) > 100);
        // Later callers learn at once that it drains.
        let mut never = Box::pin(pending::<()>());
        assert_eq!(timeout(Duration::ZERO, ending.run_until_drained(&mut never)).await, Ok(None));
    }
}
