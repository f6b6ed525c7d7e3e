//! Limits how many claims challenges are answered.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::throttle::MIN_INTERVAL;

/// How many requests with claims are sent per [`MIN_INTERVAL`]: one, and one more for a resource whose routes demand
/// different claims.
const MAX_CHALLENGES: usize = 2;

/// When the last requests with claims were sent.
#[derive(Debug, Default)]
pub(super) struct ChallengeLimit(VecDeque<Instant>);

impl ChallengeLimit {
    /// Admits a request with claims unless [`MAX_CHALLENGES`] were admitted in the last [`MIN_INTERVAL`].
    ///
    /// So a resource that demands new claims on each call does not cause a token request per call.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|at| now.duration_since(*at) >= MIN_INTERVAL) {
            self.0.pop_front();
        }
        let is_admitted = self.0.len() < MAX_CHALLENGES;
        if is_admitted {
            self.0.push_back(now);
        }
        is_admitted
    }
}
