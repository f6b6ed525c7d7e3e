//! The clock of the HTTP library, which limits the time of a head with it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt;
use tokio::time::{Sleep, sleep_until};

/// A clock for one connection, whose limits are renewed with every request and almost never reached.
///
/// The library makes a limit for each head and drops it when the head has come. The one alarm that all limits of a
/// connection share is not set anew for that: it goes off for the first of them, and is then set for the one that counts.
#[derive(Debug, Default)]
pub(super) struct HeadTimer {
    alarm: Arc<Mutex<Option<Pin<Box<Sleep>>>>>,
}

impl rt::Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, end: Instant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Limit { end, alarm: Arc::clone(&self.alarm) })
    }

    fn now(&self) -> Instant {
        // That of the runtime, which tests can move.
        tokio::time::Instant::now().into_std()
    }
}

/// Ends at a time.
#[derive(Debug)]
struct Limit {
    end: Instant,
    alarm: Arc<Mutex<Option<Pin<Box<Sleep>>>>>,
}

impl rt::Sleep for Limit {}

impl Future for Limit {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let end = self.end.into();
        let mut alarm = self.alarm.lock().unwrap_or_else(PoisonError::into_inner);
        let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if alarm.deadline() > end {
            alarm.as_mut().reset(end);
        }
        while alarm.as_mut().poll(context).is_ready() {
            if alarm.deadline() >= end {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(end);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    /// How long a limit takes to end, in hundreds of milliseconds.
    async fn ends_after(limit: Pin<Box<dyn rt::Sleep>>) -> u128 {
        let begin = tokio::time::Instant::now();
        limit.await;
        (begin.elapsed().as_millis() + 50) / 100
    }

    #[tokio::test(start_paused = true)]
    async fn each_limit_ends_at_its_time_whatever_became_of_those_before() {
        let timer = HeadTimer::default();
        assert_eq!(ends_after(rt::Timer::sleep(&timer, 3 * SHORT)).await, 3);
        // Met without a wait, and met after one.
        drop(rt::Timer::sleep(&timer, SHORT));
        assert!(timeout(SHORT, rt::Timer::sleep(&timer, 2 * SHORT)).await.is_err());
        // The alarm of the last one goes off on the way.
        assert_eq!(ends_after(rt::Timer::sleep(&timer, 5 * SHORT)).await, 5);
        // It is set for later, and then for sooner.
        assert!(timeout(SHORT, rt::Timer::sleep(&timer, 100 * SHORT)).await.is_err());
        assert_eq!(ends_after(rt::Timer::sleep(&timer, 2 * SHORT)).await, 2);
        // It went off while nobody waited.
        assert!(timeout(SHORT, rt::Timer::sleep(&timer, 2 * SHORT)).await.is_err());
        tokio::time::sleep(10 * SHORT).await;
        assert_eq!(ends_after(rt::Timer::sleep(&timer, 4 * SHORT)).await, 4);
    }
}
