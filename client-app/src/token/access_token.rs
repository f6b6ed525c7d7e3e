//! A token with its life.

use std::fmt;
use std::time::Duration;

use http::HeaderValue;
use jiff::Timestamp;
use shared::secret::AccessToken;
use tokio::time::Instant;

/// How much of its life a token must have left to be given out: as long as Microsoft's own libraries ask for.
///
/// It covers the way to the resource, clocks that differ, and requests that wait in a queue.
const MARGIN: Duration = Duration::from_mins(5);

/// The longest life that is believed; Entra's tokens live for 24 hours at most.
///
/// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes#access-tokens>
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// An access token, opaque to its client, and how long it is good for. `Debug` hides the token.
pub struct Token {
    secret: AccessToken,
    authorization: HeaderValue,
    expires_at: Timestamp,
    usable_until: Instant,
}

impl Token {
    /// A token that was asked for at `asked_at`, with the life that its authority named.
    ///
    /// The life is counted from the question, since nobody knows when the answer was written. It runs on the
    /// monotonic clock: a wall clock that is set anew makes no token live longer.
    pub(super) fn new(access_token: AccessToken, life: Duration, asked_at: Instant) -> Self {
        let life = life.min(LONGEST_LIFE);
        // Of a short life half is used: with the full margin, every call would ask for a token anew.
        let usable = life.saturating_sub(MARGIN.min(life / 2));
        let left = life.saturating_sub(asked_at.elapsed());
        Self {
            authorization: access_token.authorization(),
            secret: access_token,
            expires_at: wall_clock_in(left),
            usable_until: asked_at + usable,
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

    /// Whether enough of the token's life is left to send it somewhere.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        Instant::now() < self.usable_until
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
    async fn a_token_is_usable_until_five_minutes_before_its_end_and_a_short_one_for_half_its_life() {
        for (life, usable) in [(3599, 3299), (600, 300), (599, 299), (60, 30), (2, 1), (u64::MAX, 86_100)] {
            let token = token(life);
            tokio::time::advance(Duration::from_millis(usable * 1000 - 1)).await;
            assert!(token.is_usable(), "{life}");
            tokio::time::advance(Duration::from_millis(501)).await;
            assert!(!token.is_usable(), "{life}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_spent_waiting_for_the_answer_counts() {
        let asked_at = Instant::now();
        tokio::time::advance(Duration::from_secs(20)).await;
        let secret = AccessToken::parse("canary").unwrap();
        assert!(!Token::new(secret, Duration::from_secs(30), asked_at).is_usable());
    }

    #[tokio::test]
    async fn no_debug_shows_the_token() {
        assert!(!format!("{:?}", token(3599)).contains("canary"));
    }
}
