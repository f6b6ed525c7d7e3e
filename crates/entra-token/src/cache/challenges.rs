//! How often claims challenges are answered.

use std::collections::VecDeque;

use tokio::time::Instant;

use super::spacing::BETWEEN_TRIES;

/// How many requests with claims go to the authority in [`BETWEEN_TRIES`]: one, and one beyond it for a resource that
/// demands different claims in different places.
const MOST: usize = 2;

/// When tokens with claims were asked for lately.
#[derive(Debug, Default)]
pub(super) struct Challenges(VecDeque<Instant>);

impl Challenges {
    /// Whether one more is answered now: a resource that demands other claims each time costs no request each.
    pub(super) fn admit(&mut self, now: Instant) -> bool {
        while self.0.front().is_some_and(|at| now.duration_since(*at) >= BETWEEN_TRIES) {
            self.0.pop_front();
        }
        let is_admitted = self.0.len() < MOST;
        if is_admitted {
            self.0.push_back(now);
        }
        is_admitted
    }
}
