//! Serializes CPU-bound work.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};

/// Runs jobs one after the other, even if the requests that started them are gone.
#[derive(Debug, Clone, Default)]
pub(super) struct OneAtATime(Arc<Mutex<()>>);

impl OneAtATime {
    /// Runs a job on the blocking pool, after the jobs before it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, JoinError> {
        let turn = Arc::clone(&self.0).lock_owned().await;
        spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn no_two_jobs_run_at_once_even_if_their_requests_are_gone() {
        let (queue, busy) = (OneAtATime::default(), Arc::new(AtomicUsize::new(0)));
        let work = || {
            let busy = Arc::clone(&busy);
            move || {
                let others = busy.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
                busy.fetch_sub(1, Ordering::SeqCst);
                others
            }
        };
        // Cancelled as soon as it has begun.
        let given_up = tokio::time::timeout(Duration::ZERO, queue.run(work())).await;
        assert!(given_up.is_err());
        let (first, second, third) = tokio::join!(queue.run(work()), queue.run(work()), queue.run(work()));
        assert_eq!((first.unwrap(), second.unwrap(), third.unwrap()), (0, 0, 0));
    }
}
