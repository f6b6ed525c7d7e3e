//! Coalesces callers without a usable token into one request (single-flight).

use std::sync::Arc;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::challenge_limit::ChallengeLimit;
use super::shared_request::SharedRequest;
use super::throttle::MIN_INTERVAL;
use super::{Attempt, Outcome};

/// The requests in flight and the state that decides whether to send another.
///
/// The cache locks it only if there is no usable token, or to renew or reject one.
#[derive(Debug, Default)]
pub(super) struct Inflight {
    pub(super) requests: Vec<SharedRequest>,
    pub(super) backoff: Backoff,
    /// The claims that the current token was requested with, and when it arrived.
    pub(super) answered: Option<(Arc<str>, Instant)>,
    pub(super) challenges: ChallengeLimit,
    /// When a token was last rejected.
    pub(super) rejected_at: Option<Instant>,
}

/// What a caller without a usable token gets.
pub(super) enum Join {
    /// A request in flight, whose outcome the caller awaits.
    Pending(SharedRequest),
    /// An outcome that is known already.
    Ready(Outcome),
}

impl Inflight {
    /// Joins the request in flight with these claims, or after repeated failures returns the last one.
    pub(super) fn join(&mut self, claims: Option<&str>, now: Instant) -> Option<Join> {
        let request = self.find(claims)?.clone();
        if let Some(error) = self.backoff.repeated_failure(now) {
            request.attempt().mark_as_probe();
            return Some(Join::Ready(Err(error)));
        }
        if !self.backoff.has_failed() {
            request.attempt().mark_worth_a_retry();
        }
        Some(Join::Pending(request))
    }

    /// Prepares a request for a caller without a usable token.
    ///
    /// After repeated failures the request is a probe, and the caller gets the last failure, returned second.
    pub(super) fn prepare(&self, claims: Option<Arc<str>>, now: Instant) -> (Attempt, Option<Join>) {
        let attempt = Attempt::new(claims);
        let failure = self.backoff.repeated_failure(now);
        if failure.is_some() {
            attempt.mark_as_probe();
        } else if !self.backoff.has_failed() {
            attempt.mark_worth_a_retry();
        }
        (attempt, failure.map(|error| Join::Ready(Err(error))))
    }

    /// Finds the request in flight with these claims.
    pub(super) fn find(&mut self, claims: Option<&str>) -> Option<&SharedRequest> {
        self.remove_completed();
        self.requests.iter().find(|request| request.attempt().claims() == claims)
    }

    /// Drops the handles of completed requests, which would keep their tokens alive.
    pub(super) fn remove_completed(&mut self) {
        self.requests.retain(SharedRequest::is_in_flight);
    }

    /// Whether the current token satisfies these claims: it was requested with the same ones a moment ago.
    ///
    /// So a thousand callers with the same challenge cost one request, even if some arrive after it completed.
    pub(super) fn is_answered(&self, claims: Option<&Arc<str>>, now: Instant) -> bool {
        claims.is_none_or(|claims| {
            self.answered.as_ref().is_some_and(|(with, at)| with == claims && now - *at < MIN_INTERVAL)
        })
    }
}
