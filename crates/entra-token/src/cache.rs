//! One token, and one request at a time for the next.

mod ask;
mod challenges;
mod desk;
mod flight;
mod origin;
mod pause;
mod spacing;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

pub(super) use ask::Ask;
pub(super) use origin::Origin;

use self::desk::{Boarded, Desk};
use self::flight::Flight;
use self::spacing::{BETWEEN_TRIES, Spacing};
use super::status::Counts;
use super::{Token, TokenError, TokenStatus};

/// How often it is looked whether the file of a refused credential has been mended.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

type Outcome = Result<Arc<Token>, TokenError>;

/// The current token and the requests for its successor.
///
/// **Invariant:** a token is stored before its flight ends, so whoever sees an ended flight sees its token.
#[derive(Debug, Default)]
pub(super) struct Cache {
    current: ArcSwapOption<Token>,
    renewals: Spacing,
    looks: Spacing,
    counts: Counts,
    desk: Mutex<Desk>,
}

impl Cache {
    /// What `take` takes of the usable token, as [`at_hand`](Self::at_hand) has it; or else of the outcome of the one
    /// request that is made for everybody who waits.
    pub(super) async fn token<T>(
        self: &Arc<Self>,
        origin: &impl Origin,
        take: impl Fn(&Arc<Token>) -> T,
    ) -> Result<T, TokenError> {
        match self.at_hand(origin, &take) {
            Some(taken) => Ok(taken),
            None => self.wait(None, origin).await.map(|token| take(&token)),
        }
    }

    /// What `take` takes of the usable token, which is renewed behind its callers when it is time.
    pub(super) fn at_hand<T>(
        self: &Arc<Self>,
        origin: &impl Origin,
        take: impl FnOnce(&Arc<Token>) -> T,
    ) -> Option<T> {
        let now = Instant::now();
        let (taken, is_due) = self.usable(now, |token| (take(token), token.is_due_at(now)))?;
        if is_due && self.renewals.claim(now, BETWEEN_TRIES) {
            self.renew(origin);
        }
        Some(taken)
    }

    /// A token that was asked for with these claims; it takes the current one's place.
    ///
    /// Where other claims were asked for too often of late, the token is the one at hand.
    pub(super) async fn token_with_claims(self: &Arc<Self>, claims: &str, origin: &impl Origin) -> Outcome {
        self.wait(Some(claims.into()), origin).await
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

    async fn wait(self: &Arc<Self>, claims: Option<Arc<str>>, origin: &impl Origin) -> Outcome {
        let mut boarded = self.board(claims.clone(), origin);
        if matches!(boarded, Boarded::Arrived(Err(TokenError::Credential(_)))) && self.is_mended(origin).await
        {
            boarded = self.board(claims, origin);
        }
        match boarded {
            Boarded::Waiting(flight) => flight.end().await,
            Boarded::Arrived(outcome) => outcome,
        }
    }

    /// Joins the request under way, or starts one. The lock is never held across an await.
    ///
    /// After repeated failures nobody joins: the request goes on behind those who come, and they get the failure.
    fn board(self: &Arc<Self>, claims: Option<Arc<str>>, origin: &impl Origin) -> Boarded {
        let (mut desk, now) = (self.desk(), Instant::now());
        if let Some(boarded) = desk.join(claims.as_deref(), now) {
            return boarded;
        }
        // Another caller's request may have ended between the first look and the lock.
        if let Some(token) = self.usable(now, Arc::clone).filter(|_| desk.is_answered(claims.as_ref(), now)) {
            return Boarded::Arrived(Ok(token));
        }
        if let Some(error) = desk.pause.standing(now) {
            return Boarded::Arrived(Err(error));
        }
        if claims.is_some() && !desk.challenges.admit(now) {
            // The token at hand, even while another one is on its way or could not be had.
            let at_hand = self.usable(now, Arc::clone);
            drop(desk);
            return at_hand.map_or_else(|| self.board(None, origin), |token| Boarded::Arrived(Ok(token)));
        }
        let (ask, boarded) = desk.ask(claims, now);
        let flight = self.start(&mut desk, ask, origin);
        boarded.unwrap_or(Boarded::Waiting(flight))
    }

    /// Asks for the next token while this one serves; nobody waits for it.
    fn renew(self: &Arc<Self>, origin: &impl Origin) {
        let mut desk = self.desk();
        if desk.flight(None).is_none() && desk.pause.standing(Instant::now()).is_none() {
            drop(self.start(&mut desk, Ask::new(None), origin));
        }
    }

    /// Whether a credential that was refused is another one now; one caller in [`BETWEEN_LOOKS`] finds out.
    async fn is_mended(&self, origin: &impl Origin) -> bool {
        let refused = self.desk().pause.refused_generation();
        let Some(refused) = refused.filter(|_| self.looks.claim(Instant::now(), BETWEEN_LOOKS)) else {
            return false;
        };
        if origin.generation().await == refused {
            return false;
        }
        self.desk().pause.lift();
        true
    }

    /// Runs the request in a task of its own, so that no caller takes it away by leaving. It always comes to an end.
    fn start(self: &Arc<Self>, desk: &mut Desk, ask: Ask, origin: &impl Origin) -> Flight {
        let (generation, request, limit) = (origin.generation(), origin.ask(ask.clone()), origin.limit());
        let (arrival, flight) = Flight::new(ask.clone());
        let cache = Arc::clone(self);
        let run = async move {
            let mut seen = None;
            let outcome = timeout(limit, async {
                seen = Some(generation.await);
                request.await
            });
            let outcome = outcome.await.unwrap_or(Err(TokenError::Abandoned)).map(Arc::new);
            let mut desk = cache.desk();
            let serving = cache.settle(&mut desk, &ask, &outcome, seen);
            // Under the lock: whoever rejects the token at once must not join this flight for the next one.
            arrival.send_replace(Some(outcome.clone()));
            desk.clear();
            drop(desk);
            if let (Err(error), Some(expires_at)) = (outcome, serving) {
                tracing::warn!(%error, %expires_at, "no new access token yet; the one at hand serves on");
            }
        };
        tokio::spawn(run.in_current_span());
        desk.flights.push(flight.clone());
        flight
    }

    /// Takes the outcome in. Where it is none, and there is a usable token: when that one expires.
    fn settle(
        &self,
        desk: &mut Desk,
        ask: &Ask,
        outcome: &Outcome,
        generation: Option<u64>,
    ) -> Option<Timestamp> {
        let now = Instant::now();
        self.counts.count(outcome.as_ref().err());
        match outcome {
            Ok(token) => {
                desk.pause.succeeded(now);
                let current = self.current.load();
                // Requests with and without claims may overtake each other.
                if current.as_ref().is_none_or(|current| current.asked_at() <= token.asked_at()) {
                    self.current.store(Some(Arc::clone(token)));
                    desk.answered = ask.shared_claims().map(|claims| (claims, now));
                }
                None
            }
            Err(error) => {
                self.renewals.postpone(desk.pause.failed(error, generation, now));
                self.usable(now, |token| token.expires_at())
            }
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
