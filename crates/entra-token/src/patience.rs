//! How long a request for a token goes on, and whether it is made again.

use std::time::Duration;

use tokio::time::Instant;

use super::cache::Ask;
use super::life::random_fraction;
use super::{Malformed, Outage, TokenError};

/// How long everything for one token may take: less than callers of a web service wait.
pub(super) const IN_ALL: Duration = Duration::from_secs(25);

/// How long one try may take, so that there is time for another one.
const ONE_TRY: Duration = Duration::from_secs(10);

/// How long a try may take that only looks whether the authority is back.
pub(super) const SHORT_TRY: Duration = Duration::from_secs(1);

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

    /// How long to wait for the second try, where one makes sense: where there is time for all of it.
    pub(super) fn wait(&mut self, error: &TokenError) -> Option<Duration> {
        let asked = match error {
            TokenError::Unavailable(Outage { retry_after, .. }) => *retry_after,
            TokenError::Protocol { problem: Malformed::BrokenOff, .. } => None,
            _ => return None,
        };
        let wait = asked.unwrap_or_else(|| BETWEEN.mul_f64(0.5 + random_fraction() / 2.0));
        let has_time = wait.saturating_add(ONE_TRY) <= self.left();
        let makes_sense = self.ask.is_worth_a_retry() && !self.has_tried_again && has_time;
        self.has_tried_again |= makes_sense;
        makes_sense.then_some(wait)
    }

    fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use tokio::time::advance;
    use uuid::Uuid;

    use super::*;
    use crate::{OutageCause, RequestIds};

    const IDS: RequestIds = RequestIds { correlation_id: Uuid::nil(), trace_id: None };

    fn outage(retry_after: Option<u64>) -> TokenError {
        TokenError::Unavailable(Outage {
            cause: OutageCause::Status(StatusCode::SERVICE_UNAVAILABLE),
            retry_after: retry_after.map(Duration::from_secs),
            ids: IDS,
        })
    }

    fn broken(problem: Malformed) -> TokenError {
        TokenError::Protocol { status: StatusCode::OK, problem, ids: IDS }
    }

    fn awaited() -> Ask {
        let ask = Ask::default();
        ask.make_worth_a_retry();
        ask
    }

    #[tokio::test(start_paused = true)]
    async fn a_try_takes_ten_seconds_and_all_of_them_25() {
        let ask = awaited();
        let patience = Patience::new(&ask);
        for (after, one_try) in [(0, 10), (15, 10), (4, 6), (6, 0), (100, 0)] {
            advance(Duration::from_secs(after)).await;
            assert_eq!(patience.one_try(), Duration::from_secs(one_try));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_second_try_is_the_last_and_comes_within_a_second_or_when_the_authority_says() {
        let ask = awaited();
        for error in [outage(None), broken(Malformed::BrokenOff)] {
            let mut patience = Patience::new(&ask);
            let wait = patience.wait(&error).unwrap();
            assert!((BETWEEN / 2..=BETWEEN).contains(&wait), "{wait:?}");
            assert_eq!(patience.wait(&error), None);
        }
        assert_eq!(Patience::new(&ask).wait(&outage(Some(7))), Some(Duration::from_secs(7)));
        assert_eq!(Patience::new(&ask).wait(&broken(Malformed::NotJson)), None);
        assert_eq!(Patience::new(&ask).wait(&TokenError::Abandoned), None);
        let nobody_waits = Ask::default();
        assert_eq!(Patience::new(&nobody_waits).wait(&outage(None)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_wait_is_begun_that_leaves_no_time_for_a_try() {
        let ask = awaited();
        for (spent, wait, makes_sense) in [
            (0, 15, true),
            (0, 16, false),
            (10, 5, true),
            (10, 6, false),
            (16, 0, false),
            (0, u64::MAX, false),
        ] {
            let mut patience = Patience::new(&ask);
            advance(Duration::from_secs(spent)).await;
            assert_eq!(patience.wait(&outage(Some(wait))).is_some(), makes_sense, "{wait} s after {spent} s");
        }
    }
}
