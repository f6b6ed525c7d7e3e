//! The keys over hours of a paused clock, against an authority with scripted answers.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use http::{HeaderMap, header};
use serde_json::json;
use tokio::time::{Instant, advance, sleep};

use super::refresh::Outcome;
use super::source::FetchError;
use super::*;
use crate::authentication::test_token::{HEADER, NOW, TestKey, authenticator_with, claims};
use crate::authentication::{AuthenticationError, TokenFault};

static KEY: LazyLock<TestKey> = LazyLock::new(TestKey::new);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// How the authority answers a fetch.
#[derive(Debug, Clone)]
enum Answer {
    Publish(&'static [&'static str]),
    /// `K1`, and another key each time.
    AlwaysAnother,
    Fail,
    Hang,
    Panic,
}

#[derive(Debug)]
struct Authority {
    answer: Mutex<(Answer, Duration)>,
    asked: AtomicU64,
}

impl Authority {
    fn new(answer: Answer) -> Arc<Self> {
        Arc::new(Self { answer: Mutex::new((answer, Duration::ZERO)), asked: AtomicU64::new(0) })
    }

    fn now(&self, answer: Answer) {
        self.after(Duration::ZERO, answer);
    }

    fn after(&self, latency: Duration, answer: Answer) {
        *self.answer.lock().unwrap() = (answer, latency);
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }

    async fn fetch(self: Arc<Self>) -> Outcome {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let (answer, latency) = self.answer.lock().unwrap().clone();
        sleep(latency).await;
        match answer {
            Answer::Publish(names) => Ok(key_set(names)),
            Answer::AlwaysAnother => Ok(key_set(&["K1", &format!("another {number}")])),
            Answer::Fail => Err(FetchError::Discovery),
            Answer::Hang => std::future::pending().await,
            Answer::Panic => panic!("as told"),
        }
    }

    fn keys(self: &Arc<Self>) -> Arc<Keys> {
        self.keys_with(&KeySettings::default())
    }

    fn keys_with(self: &Arc<Self>, settings: &KeySettings) -> Arc<Keys> {
        let authority = Arc::clone(self);
        let fetch = move || Arc::clone(&authority).fetch();
        Arc::new(Keys::start_fetching(fetch, settings))
    }

    /// Keys that have been fetched once.
    async fn warm_keys(self: &Arc<Self>) -> Arc<Keys> {
        self.warm_keys_with(&KeySettings::default()).await
    }

    async fn warm_keys_with(self: &Arc<Self>, settings: &KeySettings) -> Arc<Keys> {
        let keys = self.keys_with(settings);
        assert!(keys.find("K1").await.is_ok());
        keys
    }
}

fn key_set(names: &[&str]) -> KeySet {
    let jwks: Vec<_> = names.iter().map(|name| KEY.jwk(name)).collect();
    KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
}

/// Looks up a key; returns the error, if any, and how long the lookup took.
async fn find(keys: &Keys, name: &str) -> (Option<KeyError>, Duration) {
    let start = Instant::now();
    let error = keys.find(name).await.err();
    (error, start.elapsed())
}

/// Looks up this many made-up key ids, one after the other.
async fn flood(keys: &Keys, number: usize) {
    for number in 0..number {
        assert!(keys.find(&format!("made up {number}")).await.is_err());
    }
}

const AT_ONCE: (Option<KeyError>, Duration) = (None, Duration::ZERO);

#[tokio::test(start_paused = true)]
async fn a_day_without_the_authority_costs_no_request_with_a_known_key() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    let start = Instant::now();
    for answer in [Answer::Fail, Answer::Hang, Answer::Panic].into_iter().cycle() {
        authority.now(answer);
        assert_eq!(find(&keys, "K1").await, AT_ONCE, "after {:?}", start.elapsed());
        assert!(keys.are_usable() && keys.generation() == Some(1));
        if start.elapsed() >= 24 * HOUR {
            break;
        }
        sleep((24 * HOUR).saturating_sub(start.elapsed()).min(7 * MINUTE)).await;
    }
    assert!(authority.asked() > 24);
    // Then they are not trusted any longer; it is not the caller's fault.
    sleep(SECOND).await;
    assert_eq!(find(&keys, "K1").await.0, Some(KeyError::Unavailable));
    assert_eq!((keys.generation(), keys.status().keys), (None, 0));
    authority.now(Answer::Publish(&["K1"]));
    sleep(Duration::from_secs(35)).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_start_without_the_authority_heals_within_5_seconds_of_its_return() {
    for away in [SECOND / 10, SECOND, MINUTE, HOUR, 30 * HOUR] {
        let authority = Authority::new(Answer::Fail);
        let keys = authority.keys();
        sleep(away).await;
        assert_eq!(find(&keys, "K1").await.0, Some(KeyError::Unavailable));
        assert!(!keys.are_usable());
        authority.now(Answer::Publish(&["K1"]));
        sleep(Duration::from_secs(5)).await;
        assert_eq!(find(&keys, "K1").await, AT_ONCE, "away for {away:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_while_the_authority_hangs_heals_as_fast_and_costs_bounded_fetches() {
    for away in [SECOND / 10, SECOND, 3 * SECOND, MINUTE, HOUR] {
        let authority = Authority::new(Answer::Hang);
        let keys = authority.keys();
        sleep(away).await;
        assert!(!keys.are_usable());
        assert!(authority.asked() <= away.as_secs() / 2 + 2, "{}", authority.asked());
        authority.now(Answer::Publish(&["K1"]));
        sleep(Duration::from_secs(5)).await;
        assert_eq!(find(&keys, "K1").await, AT_ONCE, "hung for {away:?}");
        let asked = authority.asked();
        sleep(MINUTE).await;
        assert_eq!((authority.asked(), keys.status().fetched), (asked, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_with_a_slow_authority_waits_for_it() {
    let authority = Authority::new(Answer::Fail);
    authority.after(9 * SECOND, Answer::Publish(&["K1"]));
    let keys = authority.keys();
    sleep(9 * SECOND + SECOND / 10).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    assert_eq!((authority.asked(), keys.status().failed), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn a_hedged_fetch_that_fails_is_logged_and_counted() {
    let authority = Authority::new(Answer::Hang);
    let keys = authority.keys();
    sleep(SECOND).await;
    authority.after(SECOND, Answer::Fail);
    sleep(9 * SECOND).await;
    // Begun after 2.5, 5 and 7.5 seconds.
    assert_eq!((authority.asked(), keys.status().failed), (4, 3));
    authority.now(Answer::Publish(&["K1"]));
    sleep(5 * SECOND).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn requests_without_a_key_set_neither_hasten_the_task_nor_use_up_the_fetches() {
    let authority = Authority::new(Answer::Fail);
    let keys = authority.keys();
    for number in 0..6000 {
        assert_eq!(find(&keys, &number.to_string()).await.0, Some(KeyError::Unavailable));
        sleep(SECOND / 100).await;
    }
    assert!((20..=70).contains(&authority.asked()), "{}", authority.asked());
    authority.now(Answer::Publish(&["K1"]));
    sleep(5 * SECOND).await;
    for names in [&["K1", "K2"], &["K1", "K3"]] {
        authority.now(Answer::Publish(names));
        assert_eq!(find(&keys, names[1]).await, AT_ONCE);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_became_too_old_while_the_machine_slept_are_not_trusted() {
    let keys = Authority::new(Answer::Publish(&["K1"])).warm_keys().await;
    keys.replace(key_set(&["K1"]).before_a_sleep_of(23 * HOUR));
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    keys.replace(key_set(&["K1"]).before_a_sleep_of(24 * HOUR + MINUTE));
    assert_eq!(find(&keys, "K1").await.0, Some(KeyError::Unavailable));
    assert_eq!((keys.are_usable(), keys.generation()), (false, None));
    assert!(keys.status().age.unwrap() > 24 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn keys_that_became_too_old_heal_as_fast() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    authority.now(Answer::Fail);
    sleep(24 * HOUR + 10 * SECOND).await;
    assert!(!keys.are_usable());
    authority.now(Answer::Publish(&["K1"]));
    sleep(5 * SECOND).await;
    assert!(keys.are_usable());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_comes_during_the_first_fetch_waits_for_it() {
    let authority = Authority::new(Answer::Fail);
    authority.after(SECOND, Answer::Publish(&["K1"]));
    let keys = authority.keys();
    assert_eq!(keys.generation(), None);
    assert_eq!(find(&keys, "K1").await, (None, SECOND));
    assert_eq!(keys.generation(), Some(1));
}

#[tokio::test(start_paused = true)]
async fn the_refresh_comes_within_the_hour_and_never_twice_after_the_same_time() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    let mut pauses = Vec::new();
    while pauses.len() < 24 {
        let (start, asked) = (Instant::now(), authority.asked());
        while authority.asked() == asked {
            sleep(SECOND).await;
        }
        pauses.push(start.elapsed());
    }
    assert!(pauses.iter().all(|pause| (53 * MINUTE..=HOUR + SECOND).contains(pause)), "{pauses:?}");
    pauses.dedup();
    assert!(pauses.len() > 12, "{pauses:?}");
    assert_eq!((keys.status().failed, keys.generation()), (0, Some(1)));
}

#[tokio::test(start_paused = true)]
async fn the_first_request_with_a_new_key_is_accepted_after_one_fetch_each_30_seconds() {
    const SETS: [&[&str]; 6] = [&["K1", "K2"], &["K3"], &["K4"], &["K5"], &["K6"], &["K7"]];
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    for names in SETS {
        sleep(MINUTE / 2).await;
        authority.after(SECOND / 10, Answer::Publish(names));
        let (asked, generation) = (authority.asked(), keys.generation());
        let newest = names.last().unwrap();
        assert_eq!(find(&keys, newest).await, (None, SECOND / 10), "{newest}");
        assert_eq!(authority.asked(), asked + 1);
        assert!(keys.generation() > generation);
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_requests_with_a_new_key_cost_one_fetch_even_if_the_first_goes_away() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    authority.after(SECOND, Answer::Publish(&["K1", "K2"]));
    let request = || {
        let keys = Arc::clone(&keys);
        tokio::spawn(async move { keys.find("K2").await.is_ok() })
    };
    let first = request();
    tokio::task::yield_now().await;
    let others: Vec<_> = (0..1000).map(|_| request()).collect();
    sleep(SECOND / 2).await;
    first.abort();
    // A known key does not wait for the fetch that is under way.
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    for request in others {
        assert!(request.await.unwrap());
    }
    assert_eq!(authority.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_published_while_a_fetch_is_under_way_is_let_in_after_the_next() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    // The answer is on its way when the new key is published.
    authority.after(SECOND, Answer::Publish(&["K1"]));
    let other = Arc::clone(&keys);
    let other = tokio::spawn(async move { find(&other, "made up").await });
    sleep(SECOND / 10).await;
    authority.after(SECOND / 2, Answer::Publish(&["K1", "K2"]));
    assert_eq!(find(&keys, "K2").await, (None, SECOND * 14 / 10));
    assert_eq!(authority.asked(), 3);
    assert_eq!(other.await.unwrap(), (Some(KeyError::Unknown), SECOND));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_unknown_keys_costs_a_bounded_number_of_fetches_and_is_never_unavailable() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    let start = Instant::now();
    let mut fetches_at_once = 0;
    for number in 0.. {
        if start.elapsed() >= 10 * MINUTE {
            break;
        }
        if start.elapsed() < MINUTE / 2 {
            fetches_at_once = authority.asked() - 1;
        }
        let found = find(&keys, &format!("made up {number}")).await;
        assert_eq!(found, (Some(KeyError::Unknown), Duration::ZERO));
        assert_eq!(find(&keys, "K1").await, AT_ONCE);
        advance(Duration::from_millis(20)).await;
    }
    // Two at once, and one for every 30 seconds since.
    assert_eq!(fetches_at_once, 2);
    assert!((20..=22).contains(&(authority.asked() - 1)), "{}", authority.asked());
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_always_publishes_another_key_does_not_make_a_flood_endless() {
    let authority = Authority::new(Answer::AlwaysAnother);
    let keys = authority.warm_keys().await;
    flood(&keys, 1000).await;
    assert_eq!(authority.asked() - 1, 2);
    sleep(6 * MINUTE).await;
    flood(&keys, 1000).await;
    assert_eq!(authority.asked() - 1, 4);
}

#[tokio::test(start_paused = true)]
async fn a_refresh_that_brings_a_new_key_allows_no_fetch_more() {
    let refill = NonZeroU64::new(7 * 86_400).unwrap();
    let settings = KeySettings { unknown_key_refill_seconds: refill, ..KeySettings::default() };
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys_with(&settings).await;
    flood(&keys, 3).await;
    authority.now(Answer::Publish(&["K1", "K2"]));
    sleep(HOUR).await;
    assert_eq!(find(&keys, "K2").await, AT_ONCE);
    let asked = authority.asked();
    flood(&keys, 3).await;
    assert_eq!(authority.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn with_an_empty_budget_a_key_is_unknown_until_the_refill() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    flood(&keys, 3).await;
    authority.now(Answer::Publish(&["K1", "K2"]));
    let asked = authority.asked();
    assert_eq!(find(&keys, "K2").await, (Some(KeyError::Unknown), Duration::ZERO));
    sleep(29 * SECOND).await;
    assert_eq!(find(&keys, "K2").await, (Some(KeyError::Unknown), Duration::ZERO));
    assert_eq!((authority.asked(), find(&keys, "K1").await), (asked, AT_ONCE));
    sleep(2 * SECOND).await;
    assert_eq!(find(&keys, "K2").await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn with_an_empty_budget_a_key_is_unavailable_if_the_last_fetch_failed() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    flood(&keys, 1).await;
    authority.now(Answer::Fail);
    for number in 0..5 {
        assert_eq!(find(&keys, &number.to_string()).await, (Some(KeyError::Unavailable), Duration::ZERO));
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_never_fetched_tell_for_ever_what_is_unknown() {
    let keys = Keys::fixed(key_set(&["K1"]));
    sleep(HOUR).await;
    assert_eq!(find(&keys, "K2").await, (Some(KeyError::Unknown), Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn the_first_fetch_is_over_when_it_has_failed_and_for_keys_that_are_never_fetched() {
    let start = Instant::now();
    Keys::fixed(key_set(&["K1"])).first_fetch().await;
    Authority::new(Answer::Fail).keys().first_fetch().await;
    assert_eq!(start.elapsed(), Duration::ZERO);
    let authority = Authority::new(Answer::Fail);
    authority.after(SECOND, Answer::Publish(&["K1"]));
    authority.keys().first_fetch().await;
    assert_eq!(start.elapsed(), SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_published_with_a_key_of_no_use_costs_no_fetch() {
    let keys = Authority::new(Answer::Publish(&["K1"])).warm_keys().await;
    let mut for_encryption = KEY.jwk("K2");
    for_encryption["use"] = json!("enc");
    let document = json!({ "keys": [KEY.jwk("K1"), for_encryption] }).to_string();
    keys.replace(KeySet::parse(document.as_bytes()).unwrap());
    let fetched = keys.status().fetched;
    for _ in 0..2 {
        assert_eq!(find(&keys, "K2").await, (Some(KeyError::Unknown), Duration::ZERO));
        sleep(MINUTE).await;
    }
    assert_eq!(keys.status().fetched, fetched);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_a_fetch_brought_just_before_it_was_asked_for_costs_no_other() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    // As if the fetch had ended after the request had missed the key.
    assert!(keys.shared.await_key("K1").await.is_ok());
    sleep(SECOND).await;
    assert_eq!(authority.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn after_a_flood_an_unannounced_key_is_accepted_within_30_seconds_and_no_answer_is_a_server_error() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let source = Arc::clone(&authority);
    let keys = Keys::start_fetching(move || Arc::clone(&source).fetch(), &KeySettings::default());
    let api = Arc::new(authenticator_with(keys));
    let token = |key_id: &str| KEY.sign(&HEADER.replace("K1", key_id), &claims());
    let outcome = async |token: &str| {
        let credential = format!("Bearer {token}").parse().unwrap();
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, credential)]);
        api.authenticate_at(&headers, None, NOW).await.map(|_| ())
    };
    assert_eq!(outcome(&token("K1")).await, Ok(()));
    let unknown = Err(AuthenticationError::from(TokenFault::KeyUnknown));
    let (made_up, new) = (token("made up"), token("K2"));
    let mut published_at = None;
    for round in 0.. {
        assert_eq!(outcome(&made_up).await, unknown);
        let outcome = outcome(&new).await;
        if outcome == Ok(()) {
            break;
        }
        assert_eq!(outcome, unknown);
        if round == 600 {
            authority.now(Answer::Publish(&["K1", "K2"]));
            published_at = Some(Instant::now());
        }
        assert!(published_at.is_none_or(|at| at.elapsed() <= 30 * SECOND));
        sleep(SECOND / 10).await;
    }
    assert!(published_at.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_authority_delays_requests_with_an_unknown_key_by_a_bounded_time_and_no_other() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    authority.after(29 * SECOND, Answer::Publish(&["K1", "K2"]));
    assert_eq!(find(&keys, "K2").await, (Some(KeyError::Unavailable), 2 * SECOND));
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    sleep(27 * SECOND).await;
    assert_eq!(find(&keys, "K2").await, AT_ONCE);
    // One that takes longer still is given up.
    authority.now(Answer::Hang);
    assert_eq!(find(&keys, "K3").await.0, Some(KeyError::Unavailable));
    sleep(30 * SECOND).await;
    assert_eq!(keys.status().failed, 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_authority_is_down_an_unknown_key_is_unavailable() {
    let authority = Authority::new(Answer::Publish(&["K1"]));
    let keys = authority.warm_keys().await;
    authority.now(Answer::Fail);
    for number in 0..10 {
        assert_eq!(find(&keys, &number.to_string()).await.0, Some(KeyError::Unavailable));
    }
    authority.now(Answer::Publish(&["K1"]));
    sleep(10 * MINUTE).await;
    assert_eq!(find(&keys, "0").await.0, Some(KeyError::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_fetch_is_a_failed_fetch() {
    let authority = Authority::new(Answer::Panic);
    let keys = authority.keys();
    assert_eq!(find(&keys, "K1").await.0, Some(KeyError::Unavailable));
    authority.now(Answer::Publish(&["K1"]));
    sleep(5 * SECOND).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    authority.now(Answer::Panic);
    assert_eq!(find(&keys, "K2").await.0, Some(KeyError::Unavailable));
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    authority.now(Answer::Publish(&["K1", "K2"]));
    sleep(10 * MINUTE).await;
    assert_eq!(find(&keys, "K2").await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_removed_key_is_refused_within_the_hour_and_not_before_a_fetch_lacks_it() {
    let authority = Authority::new(Answer::Publish(&["K1", "K2"]));
    let keys = authority.warm_keys().await;
    authority.now(Answer::Publish(&["K2"]));
    let removed_at = Instant::now();
    while find(&keys, "K1").await.0.is_none() {
        sleep(SECOND).await;
    }
    assert!(authority.asked() > 1);
    assert!((53 * MINUTE..=HOUR + SECOND).contains(&removed_at.elapsed()), "{:?}", removed_at.elapsed());
    assert_eq!(find(&keys, "K2").await, AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_removed_by_mistake_is_used_until_it_is_back() {
    let authority = Authority::new(Answer::Publish(&["K1", "K2"]));
    let keys = authority.warm_keys().await;
    authority.now(Answer::Publish(&["K2", "K3"]));
    assert_eq!(find(&keys, "K3").await.0, None);
    let status = keys.status();
    assert_eq!((status.keys, status.removed), (2, 1));
    let generation = keys.generation();
    sleep(30 * MINUTE).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    assert_eq!(keys.generation(), generation);
    authority.now(Answer::Publish(&["K1", "K2", "K3", "K4"]));
    assert_eq!(find(&keys, "K4").await.0, None);
    sleep(2 * HOUR).await;
    assert_eq!(find(&keys, "K1").await, AT_ONCE);
    assert_eq!(keys.status().removed, 0);
}
