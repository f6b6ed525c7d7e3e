//! Tests of the cache on a paused clock, with an authority that counts its requests.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use entra_shared::secret::AccessToken;
use http::StatusCode;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use uuid::Uuid;

use super::*;
use crate::{CredentialError, CredentialProblem, Outage, OutageCause, RequestIds};

/// The duration of each request.
const LATENCY: Duration = Duration::from_secs(1);

/// The timeout of a request.
const LIMIT: Duration = Duration::from_secs(30);

const IDS: RequestIds = RequestIds { correlation_id: Uuid::nil(), trace_id: None };

/// An authority that counts its requests. It answers with tokens of a given lifetime, or fails.
#[derive(Clone)]
struct Authority {
    cache: Arc<Cache>,
    requests: Arc<AtomicUsize>,
    attempts: Arc<Mutex<Vec<Attempt>>>,
    /// The generation of the client's credential.
    generation: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
enum Answer {
    Token(u64),
    /// The same token as the last time.
    Same(u64),
    Outage,
    Throttling(u64),
    Refusal,
    Silence,
    Panic,
}

use Answer::{Outage as Down, Panic, Refusal as Refused, Same, Silence, Throttling, Token as Life};

/// The authority as it answers one request.
struct Answering<'a>(&'a Authority, Answer);

impl TokenOrigin for Answering<'_> {
    fn request(&self, attempt: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static {
        let (requests, answer) = (Arc::clone(&self.0.requests), self.1);
        self.0.attempts.lock().unwrap().push(attempt);
        async move {
            let requested_at = Instant::now();
            let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
            sleep(LATENCY).await;
            let token = AccessToken::parse(format!("token-{count}")).unwrap();
            match answer {
                Life(seconds) => Ok(Token::new(token, Duration::from_secs(seconds).into(), requested_at)),
                Same(seconds) => {
                    let token = AccessToken::parse("token-same").unwrap();
                    Ok(Token::new(token, Duration::from_secs(seconds).into(), requested_at))
                }
                Down => Err(TokenError::Unavailable(Outage {
                    cause: OutageCause::Status(StatusCode::SERVICE_UNAVAILABLE),
                    retry_after: None,
                    ids: IDS,
                })),
                Throttling(seconds) => {
                    Err(TokenError::Throttled { retry_after: Duration::from_secs(seconds), ids: IDS })
                }
                Refused => {
                    let problem = CredentialProblem::Signing;
                    Err(CredentialError { origin: String::new(), problem }.into())
                }
                Silence => std::future::pending().await,
                Panic => panic!("as the test wants"),
            }
        }
    }

    fn generation(&self) -> impl Future<Output = u64> + Send + 'static {
        std::future::ready(self.0.generation.load(Ordering::Relaxed))
    }

    fn timeout(&self) -> Duration {
        LIMIT
    }
}

impl Authority {
    fn new() -> Self {
        Self {
            cache: Arc::default(),
            requests: Arc::default(),
            attempts: Arc::default(),
            generation: Arc::default(),
        }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn last_attempt(&self) -> Attempt {
        self.attempts.lock().unwrap().last().unwrap().clone()
    }

    async fn ask(&self, answer: Answer) -> Outcome {
        self.cache.token(&Answering(self, answer), Arc::clone).await
    }

    async fn deny(&self, token: &Token, answer: Answer) -> Result<Arc<Token>, DeniedToken> {
        self.cache.replace_denied(token, &Answering(self, answer)).await
    }

    async fn ask_with(&self, claims: &str, answer: Answer) -> Outcome {
        self.cache.request(Some(claims.into()), &Answering(self, answer)).await
    }

    async fn ask_in_parallel(&self, callers: usize, answer: Answer) -> Vec<Outcome> {
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let authority = self.clone();
            tasks.spawn(async move { authority.ask(answer).await });
        }
        tasks.join_all().await
    }

    /// Requests a token, and asserts that the outcome is immediate.
    async fn ask_at_once(&self, answer: Answer) -> Outcome {
        let before = Instant::now();
        let outcome = self.ask(answer).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        outcome
    }
}

fn text(outcome: &Outcome) -> &str {
    outcome.as_ref().unwrap().access_token().expose()
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_on_a_cold_cache_cost_one_request() {
    let authority = Authority::new();
    let outcomes = authority.ask_in_parallel(1000, Life(3599)).await;
    assert!(outcomes.iter().all(|outcome| text(outcome) == "token-1"));
    assert_eq!(authority.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_at_the_moment_of_expiry_cost_one_request() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_secs(3569 - 1)).await;
    let outcomes = authority.ask_in_parallel(1000, Life(3599)).await;
    assert!(outcomes.iter().all(|outcome| text(outcome) == "token-2"));
    assert_eq!(authority.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_token_is_renewed_behind_its_callers() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_mins(55)).await;
    assert_eq!(text(&authority.ask_at_once(Life(3599)).await), "token-1");
    assert_eq!(authority.requests(), 1);
    advance(Duration::from_secs(100)).await;
    for _ in 0..1000 {
        assert_eq!(text(&authority.ask_at_once(Life(3599)).await), "token-1");
    }
    sleep(LATENCY * 2).await;
    assert_eq!(text(&authority.ask_at_once(Life(3599)).await), "token-2");
    assert_eq!(authority.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_renewal_is_tried_every_30_seconds_and_the_token_serves_to_its_expiry_less_the_skew() {
    let authority = Authority::new();
    let start = Instant::now();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_mins(56)).await;
    while start.elapsed() < Duration::from_secs(3569) {
        assert_eq!(text(&authority.ask_at_once(Down).await), "token-1");
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(authority.requests(), 1 + 7);
    assert!(authority.ask(Down).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_is_throttled_waits_as_long_as_the_authority_says() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_mins(56)).await;
    for _ in 0..100 {
        assert_eq!(text(&authority.ask_at_once(Throttling(120)).await), "token-1");
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(authority.requests(), 2);
    sleep(Duration::from_secs(25)).await;
    authority.ask_at_once(Life(3599)).await.unwrap();
    sleep(LATENCY * 2).await;
    assert_eq!(text(&authority.ask_at_once(Down).await), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_day_of_calls_costs_26_requests_at_most() {
    // The lives that Entra gives: 60 to 90 minutes, and the shortest of them all day.
    for life in [3599, 4500, 5399] {
        let authority = Authority::new();
        for _ in 0..24 * 60 * 60 {
            authority.ask(Life(life)).await.unwrap();
            advance(Duration::from_secs(1)).await;
        }
        assert!(authority.requests() <= 26, "{} requests with lives of {life} s", authority.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn with_the_authority_down_after_a_minute_no_caller_fails_until_the_token_expires() {
    for life in [3599, 86_400] {
        let authority = Authority::new();
        let start = Instant::now();
        authority.ask(Life(life)).await.unwrap();
        advance(Duration::from_mins(1)).await;
        while start.elapsed() < Duration::from_secs(life - 30) {
            authority.ask_at_once(Down).await.unwrap();
            advance(Duration::from_secs(1)).await;
        }
        assert!(authority.ask(Down).await.is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_lived_token_is_used_more_than_once() {
    let authority = Authority::new();
    for _ in 0..150 {
        authority.ask(Life(20)).await.unwrap();
        advance(Duration::from_millis(100)).await;
    }
    // 15 s of calls, and each token serves for 18 s or until the next one is there.
    assert_eq!(authority.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_shared_by_those_who_waited_and_not_kept() {
    let authority = Authority::new();
    let outcomes = authority.ask_in_parallel(50, Down).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(TokenError::Unavailable(_)))));
    assert_eq!(authority.requests(), 1);
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-2");
}

#[tokio::test(start_paused = true)]
async fn after_repeated_failures_the_authority_is_asked_once_a_second_and_its_return_is_noticed_in_one() {
    let authority = Authority::new();
    for _ in 0..2 {
        authority.ask(Down).await.unwrap_err();
    }
    for _ in 0..99 {
        let error = authority.ask_at_once(Down).await.unwrap_err();
        assert!(error.retry_after().unwrap() <= Duration::from_secs(1));
        advance(Duration::from_millis(10)).await;
    }
    assert_eq!(authority.requests(), 2);
    advance(Duration::from_millis(10)).await;
    // The caller that starts the probe gets the failure at once, like the others.
    assert!(authority.ask_at_once(Life(3599)).await.is_err());
    sleep(LATENCY + Duration::from_millis(1)).await;
    assert_eq!(text(&authority.ask_at_once(Life(3599)).await), "token-3");
}

#[tokio::test(start_paused = true)]
async fn callers_of_an_authority_that_hangs_fail_at_once_while_one_request_waits_for_it() {
    let authority = Authority::new();
    for _ in 0..2 {
        let error = authority.ask(Silence).await.unwrap_err();
        assert!(matches!(error, TokenError::Abandoned) && error.is_retryable(), "{error:?}");
    }
    sleep(Duration::from_secs(1)).await;
    for _ in 0..290 {
        authority.ask_at_once(Silence).await.unwrap_err();
        assert!(authority.last_attempt().is_probe() && !authority.last_attempt().is_worth_a_retry());
        advance(Duration::from_millis(100)).await;
    }
    assert_eq!(authority.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_beyond_the_life_of_its_token_becomes_a_probe() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_mins(58)).await;
    for _ in 0..2 {
        authority.ask_at_once(Down).await.unwrap();
        sleep(Duration::from_secs(31)).await;
    }
    authority.ask_at_once(Silence).await.unwrap();
    assert!(!authority.last_attempt().is_probe());
    advance(Duration::from_secs(29)).await;
    authority.ask_at_once(Silence).await.unwrap_err();
    assert!(authority.last_attempt().is_probe());
    assert_eq!(authority.requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_old_failure_is_not_returned_but_requested_anew() {
    let authority = Authority::new();
    for _ in 0..2 {
        authority.ask(Down).await.unwrap_err();
    }
    advance(Duration::from_mins(2)).await;
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-3");
}

#[tokio::test(start_paused = true)]
async fn a_refused_credential_is_tried_ever_less_often_until_it_is_another_one() {
    let authority = Authority::new();
    for _ in 0..2 {
        authority.ask(Refused).await.unwrap_err();
    }
    for _ in 0..600 {
        authority.ask_at_once(Refused).await.unwrap_err();
        sleep(Duration::from_secs(1)).await;
    }
    // After waits of 1, 2, 4, 8, 16 and 32 s, and then of a minute, with what each request takes.
    assert!((14..=17).contains(&authority.requests()), "{}", authority.requests());
    let before = authority.requests();
    sleep(Duration::from_secs(2)).await;
    authority.generation.fetch_add(1, Ordering::Relaxed);
    assert_eq!(text(&authority.ask(Life(3599)).await), format!("token-{}", before + 1));
}

#[tokio::test(start_paused = true)]
async fn a_throttled_client_fails_fast_with_the_time_left_and_then_asks_once() {
    let authority = Authority::new();
    authority.ask(Throttling(7)).await.unwrap_err();
    for left in (1..=7).rev() {
        let error = authority.ask_at_once(Life(3599)).await.unwrap_err();
        assert!(matches!(error, TokenError::Throttled { .. }), "{error:?}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(left)));
        advance(Duration::from_secs(1)).await;
    }
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-2");
}

#[tokio::test(start_paused = true)]
async fn only_a_request_that_a_caller_awaits_after_a_success_is_worth_a_retry() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    assert!(authority.last_attempt().is_worth_a_retry());
    advance(Duration::from_secs(3400)).await;
    authority.ask_at_once(Down).await.unwrap();
    let renewal = authority.last_attempt();
    assert!(!renewal.is_worth_a_retry());
    // The token expires during its renewal: now a caller waits for the renewal.
    authority.cache.current.store(None);
    authority.ask(Down).await.unwrap_err();
    assert!(renewal.is_worth_a_retry());
    authority.ask(Down).await.unwrap_err();
    assert!(!authority.last_attempt().is_worth_a_retry());
}

#[tokio::test(start_paused = true)]
async fn a_thousand_callers_whose_token_was_rejected_cost_one_request() {
    let authority = Authority::new();
    let rejected = authority.ask(Life(3599)).await.unwrap();
    let mut callers = JoinSet::new();
    for i in 0..1000 {
        let (authority, rejected) = (authority.clone(), Arc::clone(&rejected));
        callers.spawn(async move {
            sleep(Duration::from_millis(i * 10)).await;
            assert!(authority.cache.reject(&rejected));
            authority.ask(Life(3599)).await
        });
    }
    let outcomes = callers.join_all().await;
    assert!(outcomes.iter().all(|outcome| text(outcome) == "token-2"));
    assert_eq!(authority.requests(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_rejects_every_token_costs_one_request_in_30_seconds() {
    let authority = Authority::new();
    for _ in 0..60 {
        let token = authority.ask(Life(3599)).await.unwrap();
        authority.cache.reject(&token);
        advance(Duration::from_secs(1)).await;
    }
    assert!((2..=4).contains(&authority.requests()), "{}", authority.requests());
    let token = authority.ask(Life(3599)).await.unwrap();
    if !authority.cache.reject(&token) {
        assert_eq!(text(&authority.ask_at_once(Down).await), token.access_token().expose());
    }
}

#[tokio::test(start_paused = true)]
async fn a_claims_challenge_is_answered_once_for_all_who_got_it_and_replaces_the_token() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    let mut callers = JoinSet::new();
    for i in 0..1000 {
        let authority = authority.clone();
        callers.spawn(async move {
            sleep(Duration::from_millis(i * 10)).await;
            authority.ask_with("{}", Life(3599)).await
        });
    }
    assert!(callers.join_all().await.iter().all(|outcome| text(outcome) == "token-2"));
    assert_eq!(text(&authority.ask_at_once(Down).await), "token-2");
    assert_eq!(text(&authority.ask_with(r#"{"access_token":{}}"#, Life(3599)).await), "token-3");
    let claims: Vec<_> = authority
        .attempts
        .lock()
        .unwrap()
        .iter()
        .map(|attempt| attempt.claims().map(ToString::to_string))
        .collect();
    assert_eq!(claims, [None, Some("{}".into()), Some(r#"{"access_token":{}}"#.into())]);
}

/// An authority that answers at once.
struct Quick;

impl TokenOrigin for Quick {
    fn request(&self, _: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static {
        let token = AccessToken::parse("quick").unwrap();
        std::future::ready(Ok(Token::new(token, Duration::from_secs(3599).into(), Instant::now())))
    }

    fn generation(&self) -> impl Future<Output = u64> + Send + 'static {
        std::future::ready(0)
    }

    fn timeout(&self) -> Duration {
        LIMIT
    }
}

#[tokio::test(start_paused = true)]
async fn claims_that_change_with_each_challenge_cost_two_requests_in_30_seconds() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    for i in 0..200 {
        // After two requests, callers get the cached token at once.
        let outcome = authority.ask_with(&format!(r#"{{"n":{i}}}"#), Life(3599)).await;
        assert_eq!(text(&outcome), if i == 0 { "token-2" } else { "token-3" });
        assert!(authority.cache.inflight().requests.is_empty());
        advance(Duration::from_millis(10)).await;
    }
    assert_eq!(authority.requests(), 3);
    for i in 200..500 {
        authority.ask_with(&format!(r#"{{"n":{i}}}"#), Life(3599)).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    // Ten times 30 seconds.
    assert!((20..=24).contains(&(authority.requests() - 3)), "{}", authority.requests());
}

#[tokio::test(start_paused = true)]
async fn claims_beyond_the_limit_get_the_cached_token_and_wait_for_no_renewal() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_secs(3400)).await;
    authority.ask_at_once(Silence).await.unwrap();
    for claims in [r#"{"n":1}"#, r#"{"n":2}"#] {
        authority.ask_with(claims, Life(3599)).await.unwrap();
    }
    let before = Instant::now();
    assert_eq!(text(&authority.ask_with(r#"{"n":3}"#, Life(3599)).await), "token-4");
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(authority.requests(), 4);
}

#[tokio::test(start_paused = true)]
async fn many_claims_at_once_make_two_requests_and_without_a_token_one_more() {
    let authority = Authority::new();
    let mut callers = JoinSet::new();
    for i in 0..200 {
        let authority = authority.clone();
        callers.spawn(async move { authority.ask_with(&format!(r#"{{"n":{i}}}"#), Life(3599)).await });
    }
    assert!(callers.join_all().await.iter().all(Result::is_ok));
    assert_eq!(authority.requests(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_success_does_not_end_the_wait_that_a_request_with_claims_was_given() {
    let authority = Authority::new();
    let plain = tokio::spawn({
        let authority = authority.clone();
        async move {
            sleep(LATENCY / 2).await;
            authority.ask(Life(3599)).await
        }
    });
    authority.ask_with("{}", Throttling(60)).await.unwrap_err();
    plain.await.unwrap().unwrap();
    let error = authority.ask_with("{}", Life(3599)).await.unwrap_err();
    assert!(error.retry_after().unwrap() > Duration::from_secs(58), "{error:?}");
    assert_eq!(authority.requests(), 2);
    advance(Duration::from_mins(1)).await;
    authority.ask_with("{}", Life(3599)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_request_that_has_ended_keeps_a_token() {
    let authority = Authority::new();
    let token = Arc::downgrade(&authority.ask(Life(3599)).await.unwrap());
    authority.cache.current.store(None);
    assert!(token.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_overtaken_does_not_undo_a_claims_challenge() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_secs(3400)).await;
    authority.ask_at_once(Life(3599)).await.unwrap();
    // Requested after the renewal, and complete before it.
    sleep(LATENCY / 2).await;
    authority.cache.request(Some("{}".into()), &Quick).await.unwrap();
    sleep(LATENCY).await;
    assert_eq!(text(&authority.ask_at_once(Down).await), "quick");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_goes_away_does_not_cancel_the_request() {
    let authority = Authority::new();
    let leader = tokio::spawn({
        let authority = authority.clone();
        async move { authority.ask(Life(3599)).await }
    });
    sleep(LATENCY / 2).await;
    let waiter = tokio::spawn({
        let authority = authority.clone();
        async move { authority.ask(Life(3599)).await }
    });
    sleep(LATENCY / 4).await;
    leader.abort();
    assert_eq!(text(&waiter.await.unwrap()), "token-1");
    assert_eq!(authority.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_only_caller_leaving_still_fills_the_cache() {
    let authority = Authority::new();
    assert!(tokio::time::timeout(LATENCY / 2, authority.ask(Life(3599))).await.is_err());
    sleep(LATENCY).await;
    assert_eq!(text(&authority.ask_at_once(Life(3599)).await), "token-1");
    assert_eq!(authority.requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_leaders_that_go_away_block_no_caller() {
    let authority = Authority::new();
    for round in 0..10_000_u32 {
        authority.cache.current.store(None);
        let wait = LATENCY * (round % 3) / 2;
        drop(tokio::time::timeout(wait, authority.ask(Life(3599))).await);
        authority.ask(Life(3599)).await.unwrap();
    }
}

/// Cancels callers that lead a request, on several threads at random times, while others arrive and tokens are evicted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leaders_that_go_away_on_several_threads_block_no_caller() {
    let cache = Arc::<Cache>::default();
    let mut callers = JoinSet::new();
    for caller in 0..8_u32 {
        let cache = Arc::clone(&cache);
        callers.spawn(async move {
            for round in 0..500_u32 {
                let wait = Duration::from_micros(u64::from((round * 7 + caller * 131) % 300));
                if let Ok(outcome) = tokio::time::timeout(wait, cache.token(&Briefly, Arc::clone)).await {
                    outcome.unwrap();
                }
                if (round + caller) % 3 == 0 {
                    cache.current.store(None);
                }
                let served = tokio::time::timeout(LIMIT, cache.token(&Briefly, Arc::clone)).await;
                served.expect("a caller gets a token").unwrap();
            }
        });
    }
    callers.join_all().await;
    assert!(cache.inflight().requests.len() <= 1);
}

/// An authority that answers after a moment.
struct Briefly;

impl TokenOrigin for Briefly {
    fn request(&self, _: Attempt) -> impl Future<Output = Result<Token, TokenError>> + Send + 'static {
        let token = AccessToken::parse("brief").unwrap();
        async move {
            tokio::task::yield_now().await;
            Ok(Token::new(token, Duration::from_secs(3599).into(), Instant::now()))
        }
    }

    fn generation(&self) -> impl Future<Output = u64> + Send + 'static {
        std::future::ready(0)
    }

    fn timeout(&self) -> Duration {
        LIMIT
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_is_an_error_and_the_next_call_asks_again() {
    let authority = Authority::new();
    assert!(matches!(authority.ask(Panic).await, Err(TokenError::Abandoned)));
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-2");
}

#[tokio::test(start_paused = true)]
async fn a_denied_token_is_replaced_after_a_minute_and_then_at_growing_intervals() {
    const DAY: u64 = 24 * 3600;
    let authority = Authority::new();
    let first = authority.ask(Life(DAY)).await.unwrap();
    advance(Duration::from_secs(40)).await;
    let denied = authority.deny(&first, Life(DAY)).await.unwrap_err();
    assert_eq!((denied.age.as_secs(), denied.next_request_in.as_secs()), (41, 19));
    assert_eq!((denied.unchanged_until, authority.requests()), (None, 1));
    advance(Duration::from_secs(20)).await;
    let mut token = authority.deny(&first, Life(DAY)).await.unwrap();
    assert!(token.access_token().expose() == "token-2" && authority.requests() == 2);
    // A caller with the old token gets the new one without a request.
    assert!(Arc::ptr_eq(&token, &authority.deny(&first, Life(DAY)).await.unwrap()));
    for minutes in [5, 10, 20, 40, 60, 60] {
        let denied = authority.deny(&token, Life(DAY)).await.unwrap_err();
        assert!(denied.next_request_in <= Duration::from_mins(minutes), "{denied:?}");
        advance(Duration::from_secs(60 * minutes - 2)).await;
        let requests = authority.requests();
        let denied = authority.deny(&token, Life(DAY)).await.unwrap_err();
        assert!(authority.requests() == requests && denied.next_request_in.as_secs() <= 2, "{denied:?}");
        advance(Duration::from_secs(2)).await;
        token = authority.deny(&token, Life(DAY)).await.unwrap();
        assert_eq!(authority.requests(), requests + 1, "{minutes}");
    }
    authority.cache.reset_denials();
    advance(Duration::from_hours(1)).await;
    token = authority.deny(&token, Life(DAY)).await.unwrap();
    let denied = authority.deny(&token, Life(DAY)).await.unwrap_err();
    assert!(denied.next_request_in <= Duration::from_mins(5), "{denied:?}");
}

#[tokio::test(start_paused = true)]
async fn the_same_token_again_is_told_with_its_end_and_stays_in_use() {
    let authority = Authority::new();
    let token = authority.ask(Same(7200)).await.unwrap();
    advance(Duration::from_mins(2)).await;
    let denied = authority.deny(&token, Same(7000)).await.unwrap_err();
    assert_eq!(denied.unchanged_until, Some(token.expires_at()));
    let current = authority.ask(Down).await.unwrap();
    assert!(authority.deny(&current, Down).await.unwrap_err().unchanged_until.is_some());
    assert_eq!(authority.ask(Down).await.unwrap().access_token().expose(), "token-same");
    advance(Duration::from_mins(6)).await;
    let current = authority.ask(Down).await.unwrap();
    let denied = authority.deny(&current, Down).await.unwrap_err();
    assert_eq!((denied.unchanged_until, authority.requests()), (None, 3));
    assert!(authority.ask(Down).await.is_ok());
}
