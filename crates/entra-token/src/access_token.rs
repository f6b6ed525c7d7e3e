//! A token with its life.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use entra_shared::secret::AccessToken;
use http::HeaderValue;
use jiff::Timestamp;
use tokio::time::Instant;

use super::life::{Life, random_fraction};

/// An access token, opaque to its client, and how long it is good for. `Debug` hides the token.
pub struct Token {
    secret: AccessToken,
    authorization: HeaderValue,
    expires_at: Timestamp,
    asked_at: Instant,
    renewed_from: Instant,
    usable_until: Instant,
    /// The same moment by the wall clock, which goes on while the machine sleeps.
    usable_until_on_the_wall: SystemTime,
    /// The second of the token's life in which the wall clock was looked at last, counted from one.
    wall_seen_in: AtomicU64,
}

impl Token {
    /// A token that was asked for at `asked_at`, with the life that its authority named.
    ///
    /// The life is counted from the question, since nobody knows when the answer was written. It runs on the
    /// monotonic clock, so that a wall clock that is set anew makes no token live longer; and on the wall clock as
    /// well, so that a machine that slept does not wake with a token that has expired.
    pub(super) fn new(access_token: AccessToken, life: impl Into<Life>, asked_at: Instant) -> Self {
        let life = life.into();
        let spent = asked_at.elapsed();
        Self {
            authorization: access_token.authorization(),
            secret: access_token,
            expires_at: wall_clock_in(life.expires_in().saturating_sub(spent)),
            asked_at,
            renewed_from: asked_at + life.renewed_after(random_fraction()),
            usable_until: asked_at + life.usable(),
            usable_until_on_the_wall: SystemTime::now() + life.usable().saturating_sub(spent),
            wall_seen_in: AtomicU64::new(0),
        }
    }

    /// The token itself, for the one place that sends it.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.secret
    }

    /// The value of the `Authorization` header, ready-made and marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// When the token expires, for people: decisions use the monotonic clock.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// From when on the next one is asked for, for people as well.
    #[must_use]
    pub fn renewed_from(&self) -> Timestamp {
        wall_clock_in(self.renewed_from.saturating_duration_since(Instant::now()))
    }

    /// Whether the token can still be sent somewhere.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_usable_at(Instant::now(), SystemTime::now)
    }

    /// Looks at the wall clock once a second: reading two clocks would make up half of what a cached token costs. So a
    /// machine that slept may send an expired token for up to a second; the resource rejects it, and it is replaced.
    pub(super) fn is_usable_at(&self, now: Instant, wall: impl FnOnce() -> SystemTime) -> bool {
        if now >= self.usable_until {
            return false;
        }
        let second = (now - self.asked_at).as_secs() + 1;
        if self.wall_seen_in.load(Ordering::Relaxed) == second {
            return true;
        }
        let is_usable = wall() < self.usable_until_on_the_wall;
        if is_usable {
            self.wall_seen_in.store(second, Ordering::Relaxed);
        }
        is_usable
    }

    /// Whether it is time to ask for the next one.
    pub(super) fn is_due_at(&self, now: Instant) -> bool {
        now >= self.renewed_from
    }

    /// When it was asked for.
    pub(super) fn asked_at(&self) -> Instant {
        self.asked_at
    }
}

/// To the second, which is all that an authority says.
fn wall_clock_in(left: Duration) -> Timestamp {
    let at = Timestamp::now().checked_add(left).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(life: u64) -> Token {
        let secret = AccessToken::parse("canary").unwrap();
        Token::new(secret, Duration::from_secs(life), Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_due_first_and_unusable_later() {
        let token = token(3599);
        for (after, is_due, is_usable) in
            [(0, false, true), (3320, false, true), (39, true, true), (209, true, true), (1, true, false)]
        {
            tokio::time::advance(Duration::from_secs(after)).await;
            assert_eq!((token.is_due_at(Instant::now()), token.is_usable()), (is_due, is_usable));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_spent_waiting_for_the_answer_counts() {
        let asked_at = Instant::now();
        tokio::time::advance(Duration::from_secs(28)).await;
        let secret = AccessToken::parse("canary").unwrap();
        assert!(!Token::new(secret, Duration::from_secs(30), asked_at).is_usable());
    }

    #[tokio::test]
    async fn a_machine_that_slept_wakes_without_a_usable_token_and_a_clock_set_back_lengthens_no_life() {
        let (token, now, wall) = (token(3599), Instant::now(), SystemTime::now());
        let (second, two_hours) = (Duration::from_secs(1), Duration::from_hours(2));
        assert!(token.is_usable_at(now, || wall));
        assert!(token.is_usable_at(now, || panic!("looked at within the same second")));
        assert!(!token.is_usable_at(now + second, || wall + two_hours));
        assert!(!token.is_usable_at(now + two_hours, || wall - two_hours));
    }

    #[tokio::test]
    async fn no_debug_shows_the_token() {
        assert!(!format!("{:?}", token(3599)).contains("canary"));
    }
}
