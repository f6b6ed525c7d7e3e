//! Limits how long a peer may keep the server waiting.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::registered_waker::RegisteredWaker;

/// A time limit for each wait, from its first poll to [`Deadline::clear`]. Progress does not extend the limit, so a
/// peer cannot gain time by sending single bytes.
///
/// Almost every wait ends long before its limit, so the timer is not reset for each wait. When it fires for an earlier
/// wait, it is set for the current one.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    /// The end of the current wait.
    end: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    waker: RegisteredWaker,
}

impl Deadline {
    /// Limits each wait to this time.
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit, end: None, timer: None, waker: RegisteredWaker::default() }
    }

    /// Ends the first wait at this time, whenever it begins.
    pub(super) fn with_first_end(self, end: Instant) -> Self {
        Self { end: Some(end), ..self }
    }

    /// Ends the current wait.
    pub(super) fn clear(&mut self) {
        self.end = None;
    }

    /// Returns `Pending` while time is left, and [`io::ErrorKind::TimedOut`] after that.
    pub(super) fn poll_expired<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let end = *self.end.get_or_insert_with(|| Instant::now() + limit);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if self.waker.register(context) && timer.deadline() <= end && !timer.is_elapsed() {
            return Poll::Pending;
        }
        if timer.deadline() > end {
            timer.as_mut().reset(end);
        }
        // Unconstrained: a task that has used up its budget must still see the timer, which is not polled again.
        while pin!(unconstrained(timer.as_mut())).poll(context).is_ready() {
            if timer.deadline() >= end {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            timer.as_mut().reset(end);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::{sleep, timeout};

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    /// Waits until the time is up and returns the waited time in hundreds of milliseconds.
    async fn missed(deadline: &mut Deadline) -> u128 {
        let begin = Instant::now();
        let error = poll_fn(|context| deadline.poll_expired::<()>(context)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        (begin.elapsed().as_millis() + 50) / 100
    }

    async fn met_after(deadline: &mut Deadline, time: Duration) {
        assert!(timeout(time, missed(deadline)).await.is_err());
        deadline.clear();
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_full_time_whatever_happened_before() {
        let mut deadline = Deadline::after(4 * SHORT).with_first_end(Instant::now() + 2 * SHORT);
        met_after(&mut deadline, SHORT).await;
        // The first wait's timer fires meanwhile.
        assert_eq!(missed(&mut deadline).await, 4);
        deadline.clear();
        // Cleared without a wait.
        deadline.clear();
        assert_eq!(missed(&mut deadline).await, 4);
        deadline.clear();
        met_after(&mut deadline, 3 * SHORT).await;
        met_after(&mut deadline, 3 * SHORT).await;
        // It fires while there is no wait.
        sleep(10 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 4);
        // A wait that is not cleared has no more time.
        assert_eq!(missed(&mut deadline).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wait_may_be_over_before_it_begins() {
        let mut deadline = Deadline::after(4 * SHORT).with_first_end(Instant::now() + SHORT);
        sleep(2 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 0);
        let mut deadline = Deadline::after(SHORT).with_first_end(Instant::now() + 20 * SHORT);
        met_after(&mut deadline, 2 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_used_up_its_budget_is_woken_all_the_same() {
        let mut deadline = Deadline::after(SHORT);
        let mut is_first = true;
        let missed = poll_fn(|context| {
            // As many reads do that find something.
            while std::mem::take(&mut is_first)
                && let Poll::Ready(progress) = tokio::task::coop::poll_proceed(context)
            {
                progress.made_progress();
                is_first = true;
            }
            deadline.poll_expired::<()>(context)
        });
        assert!(timeout(2 * SHORT, missed).await.unwrap().is_err());
    }
}
