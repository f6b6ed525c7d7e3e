//! Where those meet who have no usable token.

use std::sync::Arc;

use tokio::time::Instant;

use super::challenges::Challenges;
use super::flight::Flight;
use super::pause::Pause;
use super::spacing::BETWEEN_TRIES;
use super::{Ask, Outcome};

/// What is looked at only where there is no usable token, or a claim to be the one who renews it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) flights: Vec<Flight>,
    pub(super) pause: Pause,
    /// The claims that the current token was asked with, and when it came.
    pub(super) answered: Option<(Arc<str>, Instant)>,
    pub(super) challenges: Challenges,
    /// When a token was rejected last.
    pub(super) rejected_at: Option<Instant>,
}

/// What somebody gets who came to the desk.
pub(super) enum Boarded {
    Waiting(Flight),
    Arrived(Outcome),
}

impl Desk {
    /// The request under way with these claims, for somebody who has no token.
    pub(super) fn join(&mut self, claims: Option<&str>, now: Instant) -> Option<Boarded> {
        let flight = self.flight(claims)?.clone();
        if let Some(error) = self.pause.told(now) {
            flight.ask().make_a_probe();
            return Some(Boarded::Arrived(Err(error)));
        }
        if !self.pause.has_failed() {
            flight.ask().make_worth_a_retry();
        }
        Some(Boarded::Waiting(flight))
    }

    /// A request for somebody who has no token, and what that one gets once it is started.
    pub(super) fn ask(&self, claims: Option<Arc<str>>, now: Instant) -> (Ask, Option<Boarded>) {
        let ask = Ask::new(claims);
        let told = self.pause.told(now);
        if told.is_some() {
            ask.make_a_probe();
        } else if !self.pause.has_failed() {
            ask.make_worth_a_retry();
        }
        (ask, told.map(|error| Boarded::Arrived(Err(error))))
    }

    /// The request under way with these claims.
    pub(super) fn flight(&mut self, claims: Option<&str>) -> Option<&Flight> {
        self.clear();
        self.flights.iter().find(|flight| flight.ask().claims() == claims)
    }

    /// Forgets the requests that have ended: each would keep its token.
    pub(super) fn clear(&mut self) {
        self.flights.retain(Flight::is_under_way);
    }

    /// Whether the current token does for these claims: it came in answer to the same ones, and just now.
    ///
    /// So a thousand callers who were challenged alike cost one request, however late some of them are.
    pub(super) fn is_answered(&self, claims: Option<&Arc<str>>, now: Instant) -> bool {
        claims.is_none_or(|claims| {
            self.answered.as_ref().is_some_and(|(with, at)| with == claims && now - *at < BETWEEN_TRIES)
        })
    }
}
