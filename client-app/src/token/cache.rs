//! One token, and one request at a time for the next.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use tracing::Instrument;

use super::{Token, TokenError};

type Outcome = Result<Arc<Token>, TokenError>;

/// What the callers of one request wait on: empty until it has ended.
type Flight = watch::Receiver<Option<Outcome>>;

/// The current token and the request for its successor.
///
/// **Invariant:** a token is stored before its flight ends, so whoever sees an ended flight sees its token.
#[derive(Debug, Default)]
pub(super) struct Cache {
    current: ArcSwapOption<Token>,
    flight: Mutex<Option<Flight>>,
}

impl Cache {
    /// The usable token, or the outcome of the one request that `acquire` makes for everybody who waits.
    pub(super) async fn token<F>(self: &Arc<Self>, acquire: impl FnOnce() -> F) -> Outcome
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        if let Some(token) = self.usable() {
            return Ok(token);
        }
        let mut flight = match self.board(acquire) {
            Boarded::Waiting(flight) => flight,
            Boarded::Arrived(token) => return Ok(token),
        };
        // An error: the request's task is gone without an outcome, as happens when the runtime shuts down.
        let outcome = flight.wait_for(Option::is_some).await.map_err(|_| TokenError::Abandoned)?;
        outcome.clone().unwrap_or(Err(TokenError::Abandoned))
    }

    fn usable(&self) -> Option<Arc<Token>> {
        self.current.load().as_ref().filter(|token| token.is_usable()).map(Arc::clone)
    }

    /// Joins the request under way, or starts one. The lock is never held across an await.
    fn board<F>(self: &Arc<Self>, acquire: impl FnOnce() -> F) -> Boarded
    where
        F: Future<Output = Result<Token, TokenError>> + Send + 'static,
    {
        let mut flight = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flight.as_ref().filter(|flight| is_under_way(flight)) {
            return Boarded::Waiting(flight.clone());
        }
        // Another caller's request may have ended between the first look and the lock.
        if let Some(token) = self.usable() {
            return Boarded::Arrived(token);
        }
        Boarded::Waiting(flight.insert(self.start(acquire())).clone())
    }

    /// Runs the request in a task of its own, so that no caller takes it away by leaving.
    fn start(
        self: &Arc<Self>,
        request: impl Future<Output = Result<Token, TokenError>> + Send + 'static,
    ) -> Flight {
        let (arrival, flight) = watch::channel(None);
        let cache = Arc::clone(self);
        let run = async move {
            let outcome = request.await.map(Arc::new);
            if let Ok(token) = &outcome {
                cache.current.store(Some(Arc::clone(token)));
            }
            arrival.send_replace(Some(outcome));
        };
        tokio::spawn(run.in_current_span());
        flight
    }
}

enum Boarded {
    Waiting(Flight),
    Arrived(Arc<Token>),
}

fn is_under_way(flight: &Flight) -> bool {
    flight.borrow().is_none() && !flight.is_closed()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use shared::secret::AccessToken;
    use tokio::task::JoinSet;
    use tokio::time::{Instant, advance, sleep};
    use uuid::Uuid;

    use super::*;

    /// How long each request takes.
    const LATENCY: Duration = Duration::from_secs(1);

    /// An authority that counts its requests and answers with tokens of this life, or fails.
    #[derive(Clone)]
    struct Authority {
        cache: Arc<Cache>,
        requests: Arc<AtomicUsize>,
    }

    impl Authority {
        fn new() -> Self {
            Self { cache: Arc::default(), requests: Arc::default() }
        }

        fn requests(&self) -> usize {
            self.requests.load(Ordering::Relaxed)
        }

        async fn ask(&self, life: Option<u64>) -> Outcome {
            let requests = Arc::clone(&self.requests);
            let acquire = async move || {
                let asked_at = Instant::now();
                let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(LATENCY).await;
                let failure = TokenError::Throttled { retry_after: None, correlation_id: Uuid::nil() };
                let life = Duration::from_secs(life.ok_or(failure)?);
                Ok(Token::new(AccessToken::parse(format!("token-{count}")).unwrap(), life, asked_at))
            };
            self.cache.token(acquire).await
        }

        async fn ask_in_parallel(&self, callers: usize, life: Option<u64>) -> Vec<Outcome> {
            let mut tasks = JoinSet::new();
            for _ in 0..callers {
                let authority = self.clone();
                tasks.spawn(async move { authority.ask(life).await });
            }
            tasks.join_all().await
        }
    }

    fn text(outcome: &Outcome) -> &str {
        outcome.as_ref().unwrap().access_token().expose()
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_callers_on_a_cold_cache_cost_one_request() {
        let authority = Authority::new();
        let outcomes = authority.ask_in_parallel(1000, Some(3599)).await;
        assert!(outcomes.iter().all(|outcome| text(outcome) == "token-1"));
        assert_eq!(authority.requests(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_usable_token_is_given_at_once_and_an_ended_one_is_replaced_once() {
        let authority = Authority::new();
        authority.ask(Some(3599)).await.unwrap();
        advance(Duration::from_secs(3599 - 300 - 2)).await;
        let before = Instant::now();
        assert_eq!(text(&authority.ask(Some(3599)).await), "token-1");
        assert_eq!(before.elapsed(), Duration::ZERO);
        advance(Duration::from_secs(1)).await;
        let outcomes = authority.ask_in_parallel(1000, Some(3599)).await;
        assert!(outcomes.iter().all(|outcome| text(outcome) == "token-2"));
        assert_eq!(authority.requests(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_lived_token_is_used_more_than_once() {
        let authority = Authority::new();
        for _ in 0..100 {
            authority.ask(Some(20)).await.unwrap();
            advance(Duration::from_millis(100)).await;
        }
        // 10 s of calls, and each token serves for 9 s after the second it took to come.
        assert_eq!(authority.requests(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
        let authority = Authority::new();
        let outcomes = authority.ask_in_parallel(50, None).await;
        assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(TokenError::Throttled { .. }))));
        assert_eq!(authority.requests(), 1);
        assert_eq!(text(&authority.ask(Some(3599)).await), "token-2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_leaves_takes_the_request_from_nobody() {
        let authority = Authority::new();
        let leader = tokio::spawn({
            let authority = authority.clone();
            async move { authority.ask(Some(3599)).await }
        });
        sleep(LATENCY / 2).await;
        let waiter = tokio::spawn({
            let authority = authority.clone();
            async move { authority.ask(Some(3599)).await }
        });
        sleep(LATENCY / 4).await;
        leader.abort();
        assert_eq!(text(&waiter.await.unwrap()), "token-1");
        assert_eq!(authority.requests(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_only_caller_leaving_still_fills_the_cache() {
        let authority = Authority::new();
        assert!(tokio::time::timeout(LATENCY / 2, authority.ask(Some(3599))).await.is_err());
        sleep(LATENCY).await;
        let before = Instant::now();
        assert_eq!(text(&authority.ask(Some(3599)).await), "token-1");
        assert_eq!((before.elapsed(), authority.requests()), (Duration::ZERO, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_that_panics_is_an_error_and_the_next_call_asks_again() {
        let authority = Authority::new();
        let panicking = || async { panic!("as the test wants") };
        assert!(matches!(authority.cache.token(panicking).await, Err(TokenError::Abandoned)));
        assert_eq!(text(&authority.ask(Some(3599)).await), "token-1");
    }
}
