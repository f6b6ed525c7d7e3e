//! One token, and one request at a time for the next.

mod ask;
mod flight;
mod pause;
mod spacing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use tokio::time::Instant;
use tracing::Instrument;

pub(super) use ask::Ask;

use self::flight::Flight;
use self::pause::Pause;
use self::spacing::{BETWEEN_TRIES, Spacing};
use super::status::Counts;
use super::{Token, TokenError, TokenStatus};

type Outcome = Result<Arc<Token>, TokenError>;

/// The current token and the requests for its successor.
///
/// **Invariant:** a token is stored before its flight ends, so whoever sees an ended flight sees its token.
#[derive(Debug, Default)]
pub(super) struct Cache {
    current: ArcSwapOption<Token>,
    renewals: Spacing,
    counts: Counts,
    desk: Mutex<Desk>,
}

/// What is looked at only where there is no usable token, or a claim to be the one who renews it.
#[derive(Debug, Default)]
struct Desk {
    flights: Vec<Flight>,
    pause: Pause,
    /// The claims that the current token was asked with, and when it came.
    answered: Option<(Arc<str>, Instant)>,
    /// When a token was rejected last.
    rejected_at: Option<Instant>,
}

impl Cache {
    /// What `take` takes of the usable token, which is renewed behind its callers when it is time; or else of the
    /// outcome of the one request that `acquire` makes for everybody who waits.
    pub(super) async fn token<T, F>(
        self: &Arc<Self>,
        acquire: impl FnOnce(Ask) -> F,
        take: impl Fn(&Arc<Token>) -> T,
    ) -> Result<T, TokenError>
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        let now = Instant::now();
        let taken = self.usable(now, |token| (take(token), token.is_due_at(now)));
        let Some((taken, is_due)) = taken else {
            return self.wait(None, acquire).await.map(|token| take(&token));
        };
        if is_due && self.renewals.claim(now) {
            self.renew(acquire);
        }
        Ok(taken)
    }

    /// A token that was asked for with these claims; it takes the current one's place.
    pub(super) async fn token_with_claims<F>(
        self: &Arc<Self>,
        claims: &str,
        acquire: impl FnOnce(Ask) -> F,
    ) -> Outcome
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        self.wait(Some(claims.into()), acquire).await
    }

    /// Drops this token if it is the current one; whether the next call brings another one.
    ///
    /// At most one token in [`BETWEEN_TRIES`] is dropped: a resource that rejects every token costs no request each.
    pub(super) fn reject(&self, token: &Token) -> bool {
        let mut desk = self.desk();
        let current = self.current.load();
        if !current.as_deref().is_some_and(|current| std::ptr::eq(current, token)) {
            return true;
        }
        if desk.rejected_at.is_some_and(|at| at.elapsed() < BETWEEN_TRIES) {
            return false;
        }
        desk.rejected_at = Some(Instant::now());
        self.current.store(None);
        true
    }

    /// The current token, usable or not.
    pub(super) fn current(&self) -> Option<Arc<Token>> {
        self.current.load_full()
    }

    /// How many requests ended how, and when the current token expires.
    pub(super) fn status(&self) -> TokenStatus {
        self.counts.status(self.current.load().as_ref().map(|token| token.expires_at()))
    }

    /// What `take` takes of the usable token. The token itself is borrowed: counting its owners would make callers on
    /// several processors wait for each other.
    fn usable<T>(&self, now: Instant, take: impl FnOnce(&Arc<Token>) -> T) -> Option<T> {
        let current = self.current.load();
        current.as_ref().filter(|token| token.is_usable_at(now, SystemTime::now)).map(take)
    }

    async fn wait<F>(self: &Arc<Self>, claims: Option<Arc<str>>, acquire: impl FnOnce(Ask) -> F) -> Outcome
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        match self.board(claims, acquire) {
            Boarded::Waiting(flight) => flight.end().await,
            Boarded::Arrived(outcome) => outcome,
        }
    }

    /// Joins the request under way, or starts one. The lock is never held across an await.
    fn board<F>(self: &Arc<Self>, claims: Option<Arc<str>>, acquire: impl FnOnce(Ask) -> F) -> Boarded
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        let mut desk = self.desk();
        let is_after_success = !desk.pause.has_failed();
        if let Some(flight) = desk.flight(claims.as_deref()) {
            if is_after_success {
                flight.ask().make_worth_a_retry();
            }
            return Boarded::Waiting(flight.clone());
        }
        let now = Instant::now();
        // Another caller's request may have ended between the first look and the lock.
        if let Some(token) = self.usable(now, Arc::clone).filter(|_| desk.is_answered(claims.as_ref(), now)) {
            return Boarded::Arrived(Ok(token));
        }
        if let Some(error) = desk.pause.standing(now) {
            return Boarded::Arrived(Err(error));
        }
        let ask = Ask::new(claims);
        if is_after_success {
            ask.make_worth_a_retry();
        }
        Boarded::Waiting(self.start(&mut desk, ask, acquire))
    }

    /// Asks for the next token while this one serves; nobody waits for it.
    fn renew<F>(self: &Arc<Self>, acquire: impl FnOnce(Ask) -> F)
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        let mut desk = self.desk();
        if desk.flight(None).is_none() && desk.pause.standing(Instant::now()).is_none() {
            drop(self.start(&mut desk, Ask::new(None), acquire));
        }
    }

    /// Runs the request in a task of its own, so that no caller takes it away by leaving.
    fn start<F>(self: &Arc<Self>, desk: &mut Desk, ask: Ask, acquire: impl FnOnce(Ask) -> F) -> Flight
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        let request = acquire(ask.clone());
        let (arrival, flight) = Flight::new(ask.clone());
        let cache = Arc::clone(self);
        let run = async move {
            let outcome = request.await.map(Arc::new);
            let mut desk = cache.desk();
            cache.settle(&mut desk, &ask, &outcome);
            // Under the lock: whoever rejects the token at once must not join this flight for the next one.
            arrival.send_replace(Some(outcome));
        };
        tokio::spawn(run.in_current_span());
        desk.flights.push(flight.clone());
        flight
    }

    fn settle(&self, desk: &mut Desk, ask: &Ask, outcome: &Outcome) {
        let now = Instant::now();
        self.counts.count(outcome.as_ref().err());
        match outcome {
            Ok(token) => {
                desk.pause.succeeded();
                let current = self.current.load();
                // Requests with and without claims may overtake each other.
                if current.as_ref().is_none_or(|current| current.asked_at() <= token.asked_at()) {
                    self.current.store(Some(Arc::clone(token)));
                    desk.answered = ask.shared_claims().map(|claims| (claims, now));
                }
            }
            Err(error) => {
                self.renewals.postpone(desk.pause.failed(error, now));
                if let Some(expires_at) = self.usable(now, |token| token.expires_at()) {
                    tracing::warn!(%error, %expires_at, "no new access token yet; the one at hand serves on");
                }
            }
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    /// The request under way with these claims.
    fn flight(&mut self, claims: Option<&str>) -> Option<&Flight> {
        self.flights.retain(Flight::is_under_way);
        self.flights.iter().find(|flight| flight.ask().claims() == claims)
    }

    /// Whether the current token does for these claims: it came in answer to the same ones, and just now.
    ///
    /// So a thousand callers who were challenged alike cost one request, however late some of them are.
    fn is_answered(&self, claims: Option<&Arc<str>>, now: Instant) -> bool {
        claims.is_none_or(|claims| {
            self.answered.as_ref().is_some_and(|(with, at)| with == claims && now - *at < BETWEEN_TRIES)
        })
    }
}

enum Boarded {
    Waiting(Flight),
    Arrived(Outcome),
}

#[cfg(test)]
mod tests;
