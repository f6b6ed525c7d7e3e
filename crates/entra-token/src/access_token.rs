//! An access token with its lifetime.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use entra_shared::secret::AccessToken;
use http::HeaderValue;
use jiff::Timestamp;
use tokio::time::Instant;

use super::life::{Life, random_fraction};

/// An access token, opaque to the client, with its lifetime. `Debug` hides the token.
pub struct Token {
    secret: AccessToken,
    authorization: HeaderValue,
    expires_at: Timestamp,
    pub(super) requested_at: Instant,
    renewed_from: Instant,
    usable_until: Instant,
    /// `usable_until` on the wall clock, which advances while the machine sleeps.
    wall_usable_until: SystemTime,
    /// The second of the token's life in which the wall clock was last read, counted from one.
    wall_checked_in: AtomicU64,
}

impl Token {
    /// Creates a token requested at `requested_at`, with the lifetime from the response.
    ///
    /// The lifetime starts with the request, since the authority issued the token some time after it. It runs on the
    /// monotonic clock, so that setting the wall clock back does not extend it. It also runs on the wall clock, so that
    /// a machine does not wake from sleep with an expired token.
    pub(super) fn new(access_token: AccessToken, life: Life, requested_at: Instant) -> Self {
        let spent = requested_at.elapsed();
        Self {
            authorization: access_token.authorization(),
            secret: access_token,
            expires_at: wall_clock_in(life.expires_in.saturating_sub(spent)),
            requested_at,
            renewed_from: requested_at + life.renewed_after(random_fraction()),
            usable_until: requested_at + life.usable(),
            wall_usable_until: SystemTime::now() + life.usable().saturating_sub(spent),
            wall_checked_in: AtomicU64::new(0),
        }
    }

    /// Returns the token itself, as it is sent to the resource.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.secret
    }

    /// Returns the value of the `Authorization` header, marked sensitive.
    #[must_use]
    pub fn authorization(&self) -> &HeaderValue {
        &self.authorization
    }

    /// Returns when the token expires, for display. Decisions use the monotonic clock.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Returns when the renewal of the token is due, for display.
    #[must_use]
    pub fn renewed_from(&self) -> Timestamp {
        wall_clock_in(self.renewed_from.saturating_duration_since(Instant::now()))
    }

    /// Returns whether the token has not expired, with a margin for clock skew and network delays.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.is_usable_at(Instant::now(), SystemTime::now)
    }

    /// Reads the wall clock at most once a second, since reading two clocks would double the cost of a cached token.
    ///
    /// So a machine may send an expired token for up to a second after sleep. The resource rejects it.
    pub(super) fn is_usable_at(&self, now: Instant, wall: impl FnOnce() -> SystemTime) -> bool {
        if now >= self.usable_until {
            return false;
        }
        let second = (now - self.requested_at).as_secs() + 1;
        if self.wall_checked_in.load(Ordering::Relaxed) == second {
            return true;
        }
        let is_usable = wall() < self.wall_usable_until;
        if is_usable {
            self.wall_checked_in.store(second, Ordering::Relaxed);
        }
        is_usable
    }

    /// Returns the time since the token was requested.
    pub(super) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.requested_at)
    }

    /// Returns the time until the renewal is due.
    pub(super) fn until_renewal(&self, now: Instant) -> Duration {
        self.renewed_from.saturating_duration_since(now)
    }

    /// Returns whether the renewal is due.
    pub(super) fn is_due_at(&self, now: Instant) -> bool {
        now >= self.renewed_from
    }
}

/// Describes a token with which an API denied a call (403), and when another token can be expected.
///
/// A role that was granted after the token was issued is in the next token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeniedToken {
    /// The time since the token was requested.
    pub age: Duration,
    /// The time until another denied call causes a request for a new token.
    pub next_request_in: Duration,
    /// When the token expires, if the authority returns the same token until then.
    ///
    /// That is known if it has done so, or if the token belongs to a managed identity, whose tokens Azure caches for up
    /// to 24 hours.
    /// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations>
    pub unchanged_until: Option<Timestamp>,
}

/// Returns the time this far from now, to the second, since authorities give whole seconds.
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
        Token::new(secret, Duration::from_secs(life).into(), Instant::now())
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
        let requested_at = Instant::now();
        tokio::time::advance(Duration::from_secs(28)).await;
        let secret = AccessToken::parse("canary").unwrap();
        assert!(!Token::new(secret, Duration::from_secs(30).into(), requested_at).is_usable());
    }

    #[tokio::test]
    async fn a_machine_that_slept_wakes_without_a_usable_token_and_a_clock_set_back_lengthens_no_life() {
        let (token, now, wall) = (token(3599), Instant::now(), SystemTime::now());
        let (second, two_hours) = (Duration::from_secs(1), Duration::from_hours(2));
        assert!(token.is_usable_at(now, || wall));
        assert!(token.is_usable_at(now, || panic!("read twice within a second")));
        assert!(!token.is_usable_at(now + second, || wall + two_hours));
        assert!(!token.is_usable_at(now + two_hours, || wall - two_hours));
    }

    #[tokio::test]
    async fn no_debug_shows_the_token() {
        assert!(!format!("{:?}", token(3599)).contains("canary"));
    }
}
