//! Reports slow steps to the operator.

use std::time::Duration;

/// How long a step runs before it is reported.
const SILENCE: Duration = Duration::from_secs(1);

/// Receives the names of slow steps.
#[derive(Clone, Copy)]
pub(super) struct Progress<'p>(pub(super) &'p (dyn Fn(&str) + Sync));

impl Progress<'_> {
    /// Runs a step, and reports its name if it takes longer than a second.
    pub(super) async fn report_if_slow<T>(self, name: &str, step: impl Future<Output = T>) -> T {
        let mut step = std::pin::pin!(step);
        if let Ok(done) = tokio::time::timeout(SILENCE, step.as_mut()).await {
            return done;
        }
        (self.0)(name);
        step.await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_step_that_takes_more_than_a_second_is_reported() {
        let told = Mutex::new(Vec::new());
        let tell = |name: &str| told.lock().unwrap().push(name.to_owned());
        let progress = Progress(&tell);
        progress.report_if_slow("quick", tokio::time::sleep(Duration::from_millis(900))).await;
        progress.report_if_slow("slow", tokio::time::sleep(Duration::from_millis(1100))).await;
        assert_eq!(*told.lock().unwrap(), ["slow"]);
    }
}
