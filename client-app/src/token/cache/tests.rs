//! The cache under a paused clock, before an authority that counts its requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use shared::secret::AccessToken;
use tokio::task::JoinSet;
use tokio::time::{advance, sleep};
use uuid::Uuid;

use super::*;
use crate::token::{Outage, OutageCause, RequestIds};

/// How long each request takes.
const LATENCY: Duration = Duration::from_secs(1);

const IDS: RequestIds = RequestIds { correlation_id: Uuid::nil(), trace_id: None };

/// An authority that counts its requests and answers with tokens of this life, or fails.
#[derive(Clone)]
struct Authority {
    cache: Arc<Cache>,
    requests: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Ask>>>,
}

#[derive(Clone, Copy)]
enum Answer {
    Token(u64),
    Outage,
    Throttling(u64),
}

use Answer::{Outage as Down, Throttling, Token as Life};

impl Authority {
    fn new() -> Self {
        Self { cache: Arc::default(), requests: Arc::default(), asked: Arc::default() }
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn answering(&self, answer: Answer) -> impl FnOnce(Ask) -> BoxedRequest + use<> {
        let (requests, asked) = (Arc::clone(&self.requests), Arc::clone(&self.asked));
        move |ask| {
            asked.lock().unwrap().push(ask);
            Box::pin(async move {
                let asked_at = Instant::now();
                let count = requests.fetch_add(1, Ordering::Relaxed) + 1;
                sleep(LATENCY).await;
                let token = AccessToken::parse(format!("token-{count}")).unwrap();
                match answer {
                    Life(seconds) => Ok(Token::new(token, Duration::from_secs(seconds), asked_at)),
                    Down => Err(TokenError::Unavailable(Outage {
                        cause: OutageCause::Status(StatusCode::SERVICE_UNAVAILABLE),
                        retry_after: None,
                        ids: IDS,
                    })),
                    Throttling(seconds) => {
                        Err(TokenError::Throttled { retry_after: Duration::from_secs(seconds), ids: IDS })
                    }
                }
            })
        }
    }

    async fn ask(&self, answer: Answer) -> Outcome {
        self.cache.token(self.answering(answer), Arc::clone).await
    }

    async fn ask_with(&self, claims: &str) -> Outcome {
        self.cache.token_with_claims(claims, self.answering(Life(3599))).await
    }

    async fn ask_in_parallel(&self, callers: usize, answer: Answer) -> Vec<Outcome> {
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let authority = self.clone();
            tasks.spawn(async move { authority.ask(answer).await });
        }
        tasks.join_all().await
    }

    /// Asks, and sees that it costs no time.
    async fn ask_at_once(&self, answer: Answer) -> Outcome {
        let before = Instant::now();
        let outcome = self.ask(answer).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        outcome
    }
}

type BoxedRequest = std::pin::Pin<Box<dyn Future<Output = Result<Token, TokenError>> + Send>>;

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
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-3");
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
async fn only_what_somebody_waits_for_after_a_success_is_worth_a_retry() {
    let authority = Authority::new();
    let last = |authority: &Authority| authority.asked.lock().unwrap().last().unwrap().clone();
    authority.ask(Life(3599)).await.unwrap();
    assert!(last(&authority).is_worth_a_retry());
    advance(Duration::from_secs(3400)).await;
    authority.ask_at_once(Down).await.unwrap();
    let renewal = last(&authority);
    assert!(!renewal.is_worth_a_retry());
    // The token ends while its renewal is under way: now somebody waits for that.
    authority.cache.current.store(None);
    authority.ask(Down).await.unwrap_err();
    assert!(renewal.is_worth_a_retry());
    authority.ask(Down).await.unwrap_err();
    assert!(!last(&authority).is_worth_a_retry());
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
            authority.ask_with("{}").await
        });
    }
    assert!(callers.join_all().await.iter().all(|outcome| text(outcome) == "token-2"));
    assert_eq!(text(&authority.ask_at_once(Down).await), "token-2");
    assert_eq!(text(&authority.ask_with(r#"{"access_token":{}}"#).await), "token-3");
    let claims: Vec<_> =
        authority.asked.lock().unwrap().iter().map(|ask| ask.claims().map(str::to_owned)).collect();
    assert_eq!(claims, [None, Some("{}".into()), Some(r#"{"access_token":{}}"#.into())]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_was_overtaken_does_not_undo_a_claims_challenge() {
    let authority = Authority::new();
    authority.ask(Life(3599)).await.unwrap();
    advance(Duration::from_secs(3400)).await;
    authority.ask_at_once(Life(3599)).await.unwrap();
    // Asked for after the renewal and here before it.
    let quick = async |_: Ask| {
        Ok(Token::new(AccessToken::parse("quick").unwrap(), Duration::from_secs(3599), Instant::now()))
    };
    sleep(LATENCY / 2).await;
    authority.cache.token_with_claims("{}", quick).await.unwrap();
    sleep(LATENCY).await;
    assert_eq!(text(&authority.ask_at_once(Down).await), "quick");
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_takes_the_request_from_nobody() {
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
async fn ten_thousand_leaders_that_leave_block_nobody() {
    let authority = Authority::new();
    for round in 0..10_000_u32 {
        authority.cache.current.store(None);
        let wait = LATENCY * (round % 3) / 2;
        drop(tokio::time::timeout(wait, authority.ask(Life(3599))).await);
        authority.ask(Life(3599)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_panics_is_an_error_and_the_next_call_asks_again() {
    let authority = Authority::new();
    let panicking = async |_: Ask| panic!("as the test wants");
    assert!(matches!(authority.cache.token(panicking, Arc::clone).await, Err(TokenError::Abandoned)));
    assert_eq!(text(&authority.ask(Life(3599)).await), "token-1");
}
