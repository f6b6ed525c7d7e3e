//! Coalesces callers without a usable token into one request (single-flight).

use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::denials::Denials;
use super::{Attempt, MIN_INTERVAL, Outcome};
use crate::{TokenError, TokenStatus};

/// The requests in flight and the state that decides whether to send another.
///
/// The cache locks it only if there is no usable token, or to renew or reject one.
#[derive(Debug, Default)]
pub(super) struct Inflight {
    pub(super) requests: Vec<SharedRequest>,
    pub(super) backoff: Backoff,
    pub(super) denials: Denials,
    /// The claims that the current token was requested with, and when it arrived.
    pub(super) answered: Option<(Arc<str>, Instant)>,
    /// The number of completed requests by outcome. The field `expires_at` is unused here.
    pub(super) counts: TokenStatus,
}

/// A handle to a token request in flight. All clones receive the same outcome.
#[derive(Debug, Clone)]
pub(super) struct SharedRequest {
    pub(super) attempt: Attempt,
    pub(super) outcome: watch::Receiver<Option<Outcome>>,
}

/// The result of joining for a caller without a usable token.
pub(super) enum Join {
    /// A request in flight, whose outcome the caller awaits.
    Pending(SharedRequest),
    /// An outcome that is known already.
    Ready(Outcome),
}

impl Inflight {
    /// Joins a request in flight, or after repeated failures returns the last one.
    pub(super) fn join(&self, request: SharedRequest, now: Instant) -> Join {
        if let Some(error) = self.backoff.repeated_failure(now) {
            request.attempt.mark_as_probe();
            return Join::Ready(Err(error));
        }
        if !self.backoff.has_failed() {
            request.attempt.mark_worth_a_retry();
        }
        Join::Pending(request)
    }

    /// Finds the request in flight with these claims.
    pub(super) fn find(&mut self, claims: Option<&Arc<str>>) -> Option<SharedRequest> {
        self.remove_completed();
        self.requests.iter().find(|request| request.attempt.claims() == claims).cloned()
    }

    /// Drops the handles of completed requests, which would keep their tokens alive.
    pub(super) fn remove_completed(&mut self) {
        self.requests.retain(SharedRequest::is_in_flight);
    }

    /// Returns whether the current token was requested with the same claims a moment ago, so that it satisfies them.
    ///
    /// So a thousand callers with the same challenge cost one request, even if some arrive after it completed.
    pub(super) fn is_answered(&self, claims: Option<&Arc<str>>, now: Instant) -> bool {
        claims.is_none_or(|claims| {
            self.answered.as_ref().is_some_and(|(with, at)| with == claims && now - *at < MIN_INTERVAL)
        })
    }
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
