//! A request under way, and those who wait for it.

use tokio::sync::watch;

use super::{Ask, Outcome};
use crate::TokenError;

/// A request under way: what it asks for, and where its outcome will be.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    ask: Ask,
    outcome: watch::Receiver<Option<Outcome>>,
}

impl Flight {
    pub(super) fn new(ask: Ask) -> (watch::Sender<Option<Outcome>>, Self) {
        let (arrival, outcome) = watch::channel(None);
        (arrival, Self { ask, outcome })
    }

    pub(super) fn ask(&self) -> &Ask {
        &self.ask
    }

    pub(super) fn is_under_way(&self) -> bool {
        self.outcome.borrow().is_none() && self.outcome.has_changed().is_ok()
    }

    /// Waits for its end; whoever stops waiting takes it from nobody.
    pub(super) async fn end(mut self) -> Outcome {
        // An error: the request's task is gone without an outcome, by a panic or as the runtime shuts down.
        let outcome = self.outcome.wait_for(Option::is_some).await.map_err(|_| TokenError::Abandoned)?;
        outcome.clone().unwrap_or(Err(TokenError::Abandoned))
    }
}
