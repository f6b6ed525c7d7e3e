//! How long a request for a token goes on, and whether it is made again.

use std::time::Duration;

use tokio::time::Instant;

use super::cache::Ask;
use super::life::random_fraction;
use super::{Outage, TokenError};

/// How long everything for one token may take: less than callers of a web service wait.
const IN_ALL: Duration = Duration::from_secs(25);

/// How long one try may take, so that there is time for another one.
const ONE_TRY: Duration = Duration::from_secs(10);

/// The longest wait before the second try, where the authority names none; the shortest is half of it.
const BETWEEN: Duration = Duration::from_secs(1);

/// The time that is left for a token, and the tries.
///
/// There is one second try at most, after an outage, and for somebody who waits: what a renewal ahead of time needs
/// is the next renewal.
pub(super) struct Patience<'a> {
    ask: &'a Ask,
    until: Instant,
    has_tried_again: bool,
}

impl<'a> Patience<'a> {
    pub(super) fn new(ask: &'a Ask) -> Self {
        Self { ask, until: Instant::now() + IN_ALL, has_tried_again: false }
    }

    /// How long the next try may take.
    pub(super) fn one_try(&self) -> Duration {
        self.left().min(ONE_TRY)
    }

    /// How long to wait for the second try, where one makes sense.
    pub(super) fn wait(&mut self, error: &TokenError) -> Option<Duration> {
        let TokenError::Unavailable(Outage { retry_after, .. }) = error else { return None };
        let wait = retry_after.unwrap_or_else(|| BETWEEN.mul_f64(0.5 + random_fraction() / 2.0));
        let makes_sense = self.ask.is_worth_a_retry() && !self.has_tried_again && wait < self.left();
        self.has_tried_again |= makes_sense;
        makes_sense.then_some(wait)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}
