//! A token request in flight whose outcome several callers await.

use tokio::sync::watch;

use super::{Attempt, Outcome};
use crate::TokenError;

/// A handle to a token request in flight. All clones receive the same outcome.
#[derive(Debug, Clone)]
pub(super) struct SharedRequest {
    pub(super) attempt: Attempt,
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
}

impl SharedRequest {
    pub(super) fn is_in_flight(&self) -> bool {
        self.outcome.borrow().is_none() && self.outcome.has_changed().is_ok()
    }

    /// Waits for the outcome. Dropping this future does not cancel the request.
    pub(super) async fn outcome(mut self) -> Outcome {
        // An error means that the request's task panicked, or that the runtime is shutting down.
        let outcome = self.outcome.wait_for(Option::is_some).await.map_err(|_| TokenError::Abandoned)?;
        outcome.clone().unwrap_or(Err(TokenError::Abandoned))
    }
}
