//! Caches a token, renews it in the background and coalesces requests for it.

mod attempt;
mod backoff;
mod denials;
mod inflight;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

pub(super) use attempt::Attempt;

use self::inflight::{Inflight, Join, SharedRequest};
use super::throttle::Throttle;
use super::{DeniedToken, Token, TokenError, TokenStatus};

/// The interval between renewals, between rejections, and between requests for claims challenges.
///
/// A failed renewal can wait that long, since the current token is still usable.
const MIN_INTERVAL: Duration = Duration::from_secs(30);

/// How often the file of a refused credential is checked for a change.
const CREDENTIAL_CHECK_INTERVAL: Duration = Duration::from_secs(1);

type Outcome = Result<Arc<Token>, TokenError>;

/// Acquires tokens for a cache. It is the retriever's source, or an authority in tests.
pub(super) trait TokenOrigin {
    /// Requests a token. The future borrows nothing, since it outlives the caller that started it.
    fn request(&self, attempt: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static;

    /// Returns a number that changes whenever the contents of a credential's file change.
    fn generation(&self) -> impl Future<Output = u64> + Send + 'static;

    /// Returns how long a request may take, retries included.
    fn timeout(&self) -> Duration;
}

/// The current token and the requests for its successor.
///
/// **Invariant:** a token is stored before its request completes, so a caller that sees a completed request sees its
/// token.
#[derive(Debug, Default)]
pub(super) struct Cache {
    current: ArcSwapOption<Token>,
    renewals: Throttle,
    rejections: Throttle,
    /// The rate limits for claims challenges. There are two, for a resource whose routes demand different claims.
    challenges: [Throttle; 2],
    credential_checks: Throttle,
    inflight: Mutex<Inflight>,
}

impl Cache {
    /// Applies `take` to the cached token if there is a usable one, or else to the token of a shared request.
    pub(super) async fn token<T>(
        self: &Arc<Self>,
        origin: &impl TokenOrigin,
        take: impl Fn(&Arc<Token>) -> T,
    ) -> Result<T, TokenError> {
        match self.cached(origin, &take) {
            Some(taken) => Ok(taken),
            None => self.request(None, origin).await.map(|token| take(&token)),
        }
    }

    /// Applies `take` to the cached token if there is a usable one, and starts its renewal if that is due.
    pub(super) fn cached<T>(
        self: &Arc<Self>,
        origin: &impl TokenOrigin,
        take: impl FnOnce(&Arc<Token>) -> T,
    ) -> Option<T> {
        let now = Instant::now();
        let (taken, is_due) = self.usable(now, |token| (take(token), token.is_due_at(now)))?;
        if is_due && self.renewals.try_acquire(now, MIN_INTERVAL) {
            self.renew(origin);
        }
        Some(taken)
    }

    /// Evicts this token if it is the current one. Returns whether the next call returns another token.
    ///
    /// Evicts at most one token per [`MIN_INTERVAL`], so a resource that rejects every token does not cause a request
    /// per call.
    pub(super) fn reject(&self, token: &Token) -> bool {
        let _inflight = self.inflight();
        let current = self.current.load();
        if !current.as_deref().is_some_and(|current| std::ptr::eq(current, token)) {
            return true;
        }
        let is_evicted = self.rejections.try_acquire(Instant::now(), MIN_INTERVAL);
        if is_evicted {
            self.current.store(None);
        }
        is_evicted
    }

    /// Requests another token after the resource denied a call with this one, unless that would be too soon.
    ///
    /// Returns a token that differs, or else a description of this one. The current token stays in use meanwhile.
    pub(super) async fn replace_denied(
        self: &Arc<Self>,
        token: &Token,
        origin: &impl TokenOrigin,
    ) -> Result<Arc<Token>, DeniedToken> {
        let differs = |other: &Arc<Token>| other.access_token().expose() != token.access_token().expose();
        let request = {
            let (mut inflight, now) = (self.inflight(), Instant::now());
            if let Some(newer) = self.usable(now, Arc::clone).filter(differs) {
                return Ok(newer);
            }
            let may_ask =
                token.age(now) >= denials::MIN_AGE && inflight.backoff.active_failure(now).is_none();
            match inflight.find(None) {
                _ if !may_ask => return Err(inflight.denials.about(token)),
                Some(request) => request,
                None if inflight.denials.try_acquire(now) => {
                    tracing::info!(
                        "the API denied the call; acquiring another token, in case a role was granted"
                    );
                    self.start(&mut inflight, Attempt::new(None), origin)
                }
                None => return Err(inflight.denials.about(token)),
            }
        };
        let outcome = request.outcome().await;
        let mut inflight = self.inflight();
        inflight.denials.is_unchanged = outcome.as_ref().is_ok_and(|newer| !differs(newer));
        match outcome {
            Ok(newer) if differs(&newer) => Ok(newer),
            _ => Err(inflight.denials.about(token)),
        }
    }

    /// Records that the resource did not deny a call with a new token.
    pub(super) fn reset_denials(&self) {
        self.inflight().denials.reset();
    }

    /// Returns the current token, usable or not.
    pub(super) fn current(&self) -> Option<Arc<Token>> {
        self.current.load_full()
    }

    /// Returns request counts by outcome, and when the current token expires.
    pub(super) fn status(&self) -> TokenStatus {
        let expires_at = self.current.load().as_ref().map(|token| token.expires_at());
        TokenStatus { expires_at, ..self.inflight().counts }
    }

    /// Applies `take` to the current token if it is usable.
    ///
    /// `take` borrows the token, since cloning the `Arc` would make callers on several cores contend for its count.
    fn usable<T>(&self, now: Instant, take: impl FnOnce(&Arc<Token>) -> T) -> Option<T> {
        let current = self.current.load();
        current.as_ref().filter(|token| token.is_usable_at(now, SystemTime::now)).map(take)
    }

    /// Requests a token with these claims, which replaces the current one, or joins such a request.
    ///
    /// Returns the cached token if too many requests with other claims were sent recently.
    pub(super) async fn request(
        self: &Arc<Self>,
        claims: Option<Arc<str>>,
        origin: &impl TokenOrigin,
    ) -> Outcome {
        let mut joined = self.join(claims.clone(), origin);
        if matches!(joined, Join::Ready(Err(TokenError::Credential(_))))
            && self.has_new_credential(origin).await
        {
            joined = self.join(claims, origin);
        }
        match joined {
            Join::Pending(request) => request.outcome().await,
            Join::Ready(outcome) => outcome,
        }
    }

    /// Joins the request in flight, or starts one. The lock is never held across an await.
    ///
    /// After repeated failures callers get the last failure, while the request runs in the background.
    fn join(self: &Arc<Self>, claims: Option<Arc<str>>, origin: &impl TokenOrigin) -> Join {
        let (mut inflight, now) = (self.inflight(), Instant::now());
        if let Some(request) = inflight.find(claims.as_ref()) {
            return inflight.join(request, now);
        }
        // Another caller's request may have completed before this caller took the lock.
        if let Some(token) =
            self.usable(now, Arc::clone).filter(|_| inflight.is_answered(claims.as_ref(), now))
        {
            return Join::Ready(Ok(token));
        }
        if let Some(error) = inflight.backoff.active_failure(now) {
            return Join::Ready(Err(error));
        }
        // A resource that demands new claims on each call must not cause a token request per call.
        let admits_challenge =
            || self.challenges.iter().any(|challenges| challenges.try_acquire(now, MIN_INTERVAL));
        if claims.is_some() && !admits_challenge() {
            let cached = self.usable(now, Arc::clone);
            drop(inflight);
            return cached.map_or_else(|| self.join(None, origin), |token| Join::Ready(Ok(token)));
        }
        let request = self.start(&mut inflight, Attempt::new(claims), origin);
        inflight.join(request, now)
    }

    /// Requests the next token in the background.
    fn renew(self: &Arc<Self>, origin: &impl TokenOrigin) {
        let mut inflight = self.inflight();
        if inflight.find(None).is_none() && inflight.backoff.active_failure(Instant::now()).is_none() {
            drop(self.start(&mut inflight, Attempt::new(None), origin));
        }
    }

    /// Returns whether a refused credential's file has changed. If so, clears the failure.
    ///
    /// Checks once per [`CREDENTIAL_CHECK_INTERVAL`], and returns false otherwise.
    async fn has_new_credential(&self, origin: &impl TokenOrigin) -> bool {
        let refused = self.inflight().backoff.refused_generation();
        let Some(refused) =
            refused.filter(|_| self.credential_checks.try_acquire(Instant::now(), CREDENTIAL_CHECK_INTERVAL))
        else {
            return false;
        };
        if origin.generation().await == refused {
            return false;
        }
        self.inflight().backoff.clear();
        true
    }

    /// Runs the request in its own task, so that no caller that stops waiting cancels it. The timeout bounds it.
    fn start(
        self: &Arc<Self>,
        inflight: &mut Inflight,
        attempt: Attempt,
        origin: &impl TokenOrigin,
    ) -> SharedRequest {
        let (generation, pending, limit) =
            (origin.generation(), origin.request(attempt.clone()), origin.timeout());
        let (sender, receiver) = watch::channel(None);
        let request = SharedRequest { attempt: attempt.clone(), outcome: receiver };
        let cache = Arc::clone(self);
        let run = async move {
            let outcome = timeout(limit, async { (generation.await, pending.await) });
            let (generation, outcome) = outcome.await.unwrap_or((0, Err(TokenError::Abandoned)));
            let outcome = outcome.map(Arc::new);
            let mut inflight = cache.inflight();
            let valid_until = cache.record(&mut inflight, &attempt, &outcome, generation);
            // Under the lock: a caller that rejects the token at once must not join this request again.
            sender.send_replace(Some(outcome.clone()));
            inflight.remove_completed();
            drop(inflight);
            if let (Err(error), Some(expires_at)) = (outcome, valid_until) {
                tracing::warn!(%error, %expires_at, "renewing the access token failed; the current one stays in use");
            }
        };
        tokio::spawn(run.in_current_span());
        inflight.requests.push(request.clone());
        request
    }

    /// Records an outcome. After a failure, returns when the current token expires, if it is usable.
    fn record(
        &self,
        inflight: &mut Inflight,
        attempt: &Attempt,
        outcome: &Outcome,
        generation: u64,
    ) -> Option<Timestamp> {
        let now = Instant::now();
        inflight.counts.count(outcome.as_ref().err());
        match outcome {
            Ok(token) => {
                inflight.backoff.record_success(now);
                let current = self.current.load();
                // A request with claims and one without may complete out of order.
                if current.as_ref().is_none_or(|current| current.requested_at <= token.requested_at) {
                    self.current.store(Some(Arc::clone(token)));
                    inflight.answered = attempt.claims().map(|claims| (Arc::clone(claims), now));
                }
                None
            }
            Err(error) => {
                self.renewals.postpone(inflight.backoff.record_failure(error, generation, now));
                self.usable(now, |token| token.expires_at())
            }
        }
    }

    fn inflight(&self) -> MutexGuard<'_, Inflight> {
        self.inflight.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
