//! How long a token is used, and when the next one is asked for.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The longest life that is believed; Entra's tokens live for 24 hours at most.
///
/// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes#access-tokens>
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The life of a token whose authority does not name it: short enough that such a token is not trusted for long.
const UNNAMED_LIFE: Duration = Duration::from_mins(5);

/// How long before its expiry a token is no longer sent: the way to the resource, and clocks that differ.
const SKEW: Duration = Duration::from_secs(30);

/// From this life on a token is renewed at half of it, as Microsoft's own libraries do.
const LONG_LIFE: Duration = Duration::from_hours(2);

/// How long before its expiry any other token is renewed: eight tries, 30 s apart.
///
/// Not longer: tokens of an hour that each serve 56 minutes cost 26 requests a day.
const LEAD: Duration = Duration::from_mins(4);

/// The part of the wait for the renewal by which it may come earlier, so that programs which started together do not
/// renew together.
const MOST_JITTER: f64 = 0.01;

/// The life of a token as its authority names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    expires_in: Duration,
    refresh_in: Option<Duration>,
}

impl Life {
    /// From the numbers of an answer. A `refresh_in` that makes no sense counts as absent.
    pub(super) fn new(expires_in: Option<Duration>, refresh_in: Option<Duration>) -> Self {
        let expires_in = expires_in.unwrap_or(UNNAMED_LIFE).min(LONGEST_LIFE);
        let makes_sense = |wait: &Duration| !wait.is_zero() && *wait < expires_in;
        Self { expires_in, refresh_in: refresh_in.filter(makes_sense) }
    }

    pub(super) fn expires_in(self) -> Duration {
        self.expires_in
    }

    /// How long the token is used: to its expiry less the skew, of which a short life has less.
    pub(super) fn usable(self) -> Duration {
        self.expires_in.saturating_sub(SKEW.min(self.expires_in / 10))
    }

    /// How long to wait before the next token is asked for; `fraction`, from 0 to 1, is the token's share of jitter.
    pub(super) fn renewed_after(self, fraction: f64) -> Duration {
        let latest = self.expires_in.saturating_sub(LEAD.min(self.expires_in / 2));
        let wait = match self.refresh_in {
            Some(refresh_in) => refresh_in.min(latest),
            None if self.expires_in >= LONG_LIFE => self.expires_in / 2,
            None => latest,
        };
        wait.mul_f64(1.0 - MOST_JITTER * fraction.clamp(0.0, 1.0))
    }
}

impl From<Duration> for Life {
    fn from(expires_in: Duration) -> Self {
        Self::new(Some(expires_in), None)
    }
}

/// A number from 0 to 1 that another process is unlikely to have.
///
/// From the random keys of the standard library's hash maps: this spreads requests, and keeps no secret.
#[must_use]
#[doc(hidden)]
pub fn random_fraction() -> f64 {
    let bits = RandomState::new().build_hasher().finish() >> 32;
    #[expect(clippy::cast_precision_loss, reason = "32 bits fit")]
    let fraction = bits as f64 / f64::from(u32::MAX);
    fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(expires_in: u64, refresh_in: Option<u64>) -> (u64, u64) {
        let life = Life::new(Some(Duration::from_secs(expires_in)), refresh_in.map(Duration::from_secs));
        (life.renewed_after(0.0).as_secs(), life.usable().as_secs())
    }

    #[test]
    fn a_token_is_used_to_its_expiry_less_the_skew_and_renewed_well_before() {
        for (expires_in, renewed_after, usable) in [
            (86_400, 43_200, 86_370),
            (7200, 3600, 7170),
            (7199, 6959, 7169),
            (3599, 3359, 3569),
            (600, 360, 570),
            (300, 150, 270),
            (60, 30, 54),
            (10, 5, 9),
            (u64::MAX, 43_200, 86_370),
        ] {
            assert_eq!(seconds(expires_in, None), (renewed_after, usable), "{expires_in}");
        }
    }

    #[test]
    fn the_authority_decides_when_to_renew_where_that_makes_sense() {
        for (expires_in, refresh_in, renewed_after) in [
            (86_400, 3000, 3000),
            (3599, 1800, 1800),
            (3599, 3590, 3359),
            (3599, 0, 3359),
            (3599, 4000, 3359),
        ] {
            assert_eq!(seconds(expires_in, Some(refresh_in)).0, renewed_after, "{refresh_in}");
        }
    }

    #[test]
    fn a_life_that_nobody_names_is_short() {
        assert_eq!(Life::new(None, None).expires_in(), Duration::from_mins(5));
    }

    #[test]
    fn tokens_of_an_hour_cost_26_requests_a_day_even_with_all_the_jitter() {
        let wait = Life::from(Duration::from_secs(3599)).renewed_after(1.0);
        let after_the_first = Duration::from_hours(24).as_nanos() / wait.as_nanos();
        assert_eq!(after_the_first + 1, 26);
    }

    #[test]
    fn fractions_differ_and_stay_within_one() {
        let fractions: Vec<f64> = (0..100).map(|_| random_fraction()).collect();
        assert!(fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction)));
        let (least, most) = fractions.iter().fold((1.0_f64, 0.0_f64), |(a, b), f| (a.min(*f), b.max(*f)));
        assert!(most - least > 0.5, "{least} to {most}");
    }
}
