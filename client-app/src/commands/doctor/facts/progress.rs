//! Says what is waited for, where that takes its time.

use std::time::Duration;

/// How long nothing is said; whoever looks at a terminal begins to wonder then.
const SILENCE: Duration = Duration::from_secs(1);

/// Where it is said.
#[derive(Clone, Copy)]
pub(super) struct Progress<'p>(pub(super) &'p (dyn Fn(&str) + Sync));

impl Progress<'_> {
    /// Does this, and says what it is once it has taken a second.
    pub(super) async fn tell<T>(self, what: &str, doing: impl Future<Output = T>) -> T {
        let mut doing = std::pin::pin!(doing);
        if let Ok(done) = tokio::time::timeout(SILENCE, doing.as_mut()).await {
            return done;
        }
        (self.0)(what);
        doing.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_takes_more_than_a_second_is_told() {
        let told = Mutex::new(Vec::new());
        let tell = |what: &str| told.lock().unwrap().push(what.to_owned());
        let progress = Progress(&tell);
        progress.tell("quick", tokio::time::sleep(Duration::from_millis(900))).await;
        progress.tell("slow", tokio::time::sleep(Duration::from_millis(1100))).await;
        assert_eq!(*told.lock().unwrap(), ["slow"]);
    }
}
