//! The cache entry of an issuer, and when to fetch its keys again.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::credentials::rsa::RsaKey;

/// How long keys are fresh.
const LIFE: Duration = Duration::from_hours(1);

/// How long stale keys are used while fetching fails.
const STALE_LIFE: Duration = Duration::from_hours(24);

/// How often unknown key ids may cause a fetch within [`LIFE`].
const FORCED_INTERVAL: Duration = Duration::from_mins(1);

/// How long a failure is cached, so that waiting callers share it instead of fetching again.
const FAILURE_LIFE: Duration = Duration::from_millis(500);

/// The cache entry of an issuer. Its lock is held during a fetch, which makes it single-flight.
#[derive(Default)]
pub(super) struct Known {
    keys: HashMap<String, RsaKey>,
    fetched: Option<Moment>,
    forced: Option<Moment>,
    failed: Option<Failure>,
}

/// A fetch that failed.
#[derive(Debug, Clone, Copy)]
struct Failure {
    begun: Moment,
    ended: Instant,
}

/// A time by the tenant's clock, which tests move or freeze, and by the machine's monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    tenant: Timestamp,
    machine: Instant,
}

impl Moment {
    /// Captures now, with this time on the tenant's clock.
    pub(super) fn at(tenant: Timestamp) -> Self {
        Self { tenant, machine: Instant::now() }
    }

    /// Returns whether less than `life` has passed by both clocks; false if the tenant's clock went back.
    fn is_recent(self, life: Duration, now: Self) -> bool {
        let by_tenant = now.tenant.duration_since(self.tenant);
        let by_tenant =
            !by_tenant.is_negative() && by_tenant < SignedDuration::try_from(life).unwrap_or_default();
        by_tenant && now.machine.duration_since(self.machine) < life
    }
}

impl Failure {
    /// Returns whether the fetch was recent, like [`Self::is_within`], for a slow fetch during which the waiting
    /// callers arrived.
    fn is_recent(self, life: Duration, now: Moment) -> bool {
        let took = SignedDuration::try_from(self.ended - self.begun.machine).unwrap_or_default();
        let life_and_fetch = SignedDuration::try_from(life).unwrap_or_default().saturating_add(took);
        let by_tenant = now.tenant.duration_since(self.begun.tenant);
        (-took..life_and_fetch).contains(&by_tenant) && now.machine.duration_since(self.ended) < life
    }
}

impl Known {
    /// Returns whether to fetch before looking up this key id; counts the fetches for unknown ids.
    pub(super) fn is_due(&mut self, kid: &str, now: Moment) -> bool {
        if !is_recent(self.fetched, LIFE, now) {
            return true;
        }
        let unknown = !self.keys.contains_key(kid) && !is_recent(self.forced, FORCED_INTERVAL, now);
        if unknown {
            self.forced = Some(now);
        }
        unknown
    }

    /// Returns whether to back off for now; longer if there is a key to use meanwhile.
    pub(super) fn has_just_failed(&self, kid: &str, now: Moment) -> bool {
        let life = if self.kept(kid, now).is_some() { FORCED_INTERVAL } else { FAILURE_LIFE };
        self.failed.is_some_and(|failure| failure.is_recent(life, now))
    }

    /// Returns the key with this id.
    pub(super) fn key(&self, kid: &str) -> Option<RsaKey> {
        self.keys.get(kid).cloned()
    }

    /// Returns the stale key to use while the issuer is unreachable.
    pub(super) fn kept(&self, kid: &str, now: Moment) -> Option<RsaKey> {
        self.key(kid).filter(|_| is_recent(self.fetched, STALE_LIFE, now))
    }

    /// Stores the keys that were fetched.
    pub(super) fn replace(&mut self, keys: HashMap<String, RsaKey>, now: Moment) {
        self.keys = keys;
        self.fetched = Some(now);
        self.failed = None;
    }

    /// Records that a fetch, started at this time, failed. It counts for no key id, so the next caller may fetch again.
    pub(super) fn fail(&mut self, begun: Moment) {
        self.forced = None;
        self.failed = Some(Failure { begun, ended: Instant::now() });
    }
}

fn is_recent(time: Option<Moment>, life: Duration, now: Moment) -> bool {
    time.is_some_and(|time| time.is_recent(life, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the moment so many seconds after the start, by the tenant's clock.
    fn second(second: i64) -> Moment {
        Moment::at(Timestamp::from_second(1_800_000_000 + second).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_id_costs_one_fetch_a_minute_by_either_clock() {
        let mut known = Known::default();
        assert!(known.is_due("a", second(0)));
        known.replace(HashMap::new(), second(0));
        assert!(known.is_due("a", second(0)));
        known.replace(HashMap::new(), second(0));
        assert!(!known.is_due("a", second(0)) && !known.is_due("b", second(59)));
        assert!(known.is_due("b", second(60)) && !known.is_due("b", second(60)));
        tokio::time::advance(FORCED_INTERVAL).await;
        assert!(known.is_due("b", second(60)) && !known.is_due("b", second(60)));
        tokio::time::advance(LIFE).await;
        assert!(known.is_due("b", second(60)) && known.is_due("b", second(60)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_failed_does_not_count_against_the_key_it_was_for() {
        let mut known = Known::default();
        known.replace(HashMap::new(), second(0));
        assert!(known.is_due("a", second(1)));
        known.fail(second(1));
        assert!(known.is_due("a", second(2)));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_that_waited_for_a_failed_fetch_do_not_fetch_again() {
        let mut known = Known::default();
        let begun = second(0);
        tokio::time::advance(Duration::from_secs(5)).await;
        known.fail(begun);
        for (arrived, has_just_failed) in
            [(-6, false), (-1, true), (0, true), (4, true), (5, true), (6, false)]
        {
            assert_eq!(known.has_just_failed("a", second(arrived)), has_just_failed, "{arrived}");
        }
        tokio::time::advance(FAILURE_LIFE).await;
        assert!(!known.has_just_failed("a", second(4)));
    }

    #[tokio::test(start_paused = true)]
    async fn keys_are_asked_for_again_once_the_tenants_clock_is_an_hour_on_or_back() {
        let key = RsaKey::new(&[0xff; 256], &[1, 0, 1]).unwrap();
        let mut known = Known::default();
        known.replace(HashMap::from([("a".to_owned(), key)]), second(0));
        assert!(!known.is_due("a", second(3599)));
        assert!(known.is_due("a", second(3600)) && known.is_due("a", second(-1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_key_is_used_for_a_day_while_the_issuer_is_away() {
        let key = RsaKey::new(&[0xff; 256], &[1, 0, 1]).unwrap();
        let mut known = Known::default();
        known.replace(HashMap::from([("a".to_owned(), key)]), second(0));
        assert!(known.is_due("a", second(3600)) && !known.has_just_failed("a", second(3600)));
        known.fail(second(3600));
        // No further fetch within a minute; for an unknown key, within half a second.
        assert!(known.has_just_failed("a", second(3630)) && known.kept("a", second(3630)).is_some());
        assert!(!known.has_just_failed("b", second(3630)));
        assert!(!known.has_just_failed("a", second(3660)));
        assert!(known.kept("a", second(86_399)).is_some() && known.kept("a", second(86_400)).is_none());
    }
}
