//! How long a peer may keep the server waiting for one thing.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

use super::listening::Listening;

/// A time limit that ends with [`Deadline::met`], and begins anew with the next wait.
///
/// Progress does not extend it, so that a peer cannot buy time with single bytes. Almost every wait ends long before its
/// limit, so that the alarm is not set anew for each: it goes off for an earlier one, and is then set for the one that
/// counts.
#[derive(Debug)]
pub(super) struct Deadline {
    limit: Duration,
    /// Of the wait that is under way.
    end: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
    listening: Listening,
}

impl Deadline {
    /// So much time from the first wait.
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit, end: None, alarm: None, listening: Listening::default() }
    }

    /// Lets the first wait end then, whenever it begins.
    pub(super) fn first_at(self, end: Instant) -> Self {
        Self { end: Some(end), ..self }
    }

    /// What was waited for has come.
    pub(super) fn met(&mut self) {
        self.end = None;
    }

    /// Is pending while there is time left, and an error from then on.
    pub(super) fn poll_missed<T>(&mut self, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        let limit = self.limit;
        let end = *self.end.get_or_insert_with(|| Instant::now() + limit);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if self.listening.is_for(context) && alarm.deadline() <= end && !alarm.is_elapsed() {
            return Poll::Pending;
        }
        if alarm.deadline() > end {
            alarm.as_mut().reset(end);
        }
        // Whatever the task has used up of its turn: the alarm has to be heard, and is not polled again for it.
        while pin!(unconstrained(alarm.as_mut())).poll(context).is_ready() {
            if alarm.deadline() >= end {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            alarm.as_mut().reset(end);
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

    /// Waits until the time is up, and says after how many hundreds of milliseconds that was.
    async fn missed(deadline: &mut Deadline) -> u128 {
        let begin = Instant::now();
        let error = poll_fn(|context| deadline.poll_missed::<()>(context)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        (begin.elapsed().as_millis() + 50) / 100
    }

    async fn met_after(deadline: &mut Deadline, time: Duration) {
        assert!(timeout(time, missed(deadline)).await.is_err());
        deadline.met();
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_time_whatever_became_of_those_before() {
        let mut deadline = Deadline::after(4 * SHORT).first_at(Instant::now() + 2 * SHORT);
        met_after(&mut deadline, SHORT).await;
        // The alarm of the first goes off on the way.
        assert_eq!(missed(&mut deadline).await, 4);
        deadline.met();
        // Met without a wait.
        deadline.met();
        assert_eq!(missed(&mut deadline).await, 4);
        deadline.met();
        met_after(&mut deadline, 3 * SHORT).await;
        met_after(&mut deadline, 3 * SHORT).await;
        // It goes off while nobody waits.
        sleep(10 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 4);
        // What is not met has no more time.
        assert_eq!(missed(&mut deadline).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wait_may_be_over_before_it_begins() {
        let mut deadline = Deadline::after(4 * SHORT).first_at(Instant::now() + SHORT);
        sleep(2 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 0);
        let mut deadline = Deadline::after(SHORT).first_at(Instant::now() + 20 * SHORT);
        met_after(&mut deadline, 2 * SHORT).await;
        assert_eq!(missed(&mut deadline).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_has_used_up_its_turn_is_woken_all_the_same() {
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
            deadline.poll_missed::<()>(context)
        });
        assert!(timeout(2 * SHORT, missed).await.unwrap().is_err());
    }
}
