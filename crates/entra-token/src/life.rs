//! How long a token is used, and when it is renewed.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The longest lifetime accepted. Entra's tokens are valid for at most 24 hours.
///
/// <https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes#access-tokens>
const LONGEST_LIFE: Duration = Duration::from_hours(24);

/// The lifetime that is assumed for a token if the response gives none.
const DEFAULT_LIFE: Duration = Duration::from_mins(5);

/// How long before its expiry a token is no longer sent, for clock skew and network delays.
const SKEW: Duration = Duration::from_secs(30);

/// The lifetime from which a token is renewed after half of it, as in Microsoft's libraries.
const LONG_LIFE: Duration = Duration::from_hours(2);

/// How long before its expiry any other token is renewed. The time is enough for eight tries, 30 s apart.
///
/// Tokens of an hour, used for 56 minutes each, cost 26 requests a day.
const LEAD: Duration = Duration::from_mins(4);

/// The largest fraction by which a renewal is advanced, so that programs started together do not renew together.
const MOST_JITTER: f64 = 0.01;

/// The lifetime of a token from the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Life {
    pub(super) expires_in: Duration,
    refresh_in: Option<Duration>,
}

impl Life {
    /// Takes the values of the response, and ignores a `refresh_in` of zero or beyond the expiry.
    pub(super) fn new(expires_in: Option<Duration>, refresh_in: Option<Duration>) -> Self {
        let expires_in = expires_in.unwrap_or(DEFAULT_LIFE).min(LONGEST_LIFE);
        let makes_sense = |wait: &Duration| !wait.is_zero() && *wait < expires_in;
        Self { expires_in, refresh_in: refresh_in.filter(makes_sense) }
    }

    /// Returns how long the token is used, which is until 30 s before its expiry, or a tenth of a short lifetime before
    /// it.
    pub(super) fn usable(self) -> Duration {
        self.expires_in.saturating_sub(SKEW.min(self.expires_in / 10))
    }

    /// Returns how long to wait before the renewal. `fraction`, from 0 to 1, is the token's share of the jitter.
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

#[cfg(test)]
impl From<Duration> for Life {
    fn from(expires_in: Duration) -> Self {
        Self::new(Some(expires_in), None)
    }
}

/// Returns a random wait from half of `longest` to all of it, so that clients that failed together do not retry
/// together.
pub(crate) fn jittered(longest: Duration) -> Duration {
    longest.mul_f64(0.5 + random_fraction() / 2.0)
}

/// Returns a random number from 0 to 1, to spread requests. It is not for cryptography.
pub(crate) fn random_fraction() -> f64 {
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
    fn a_plausible_refresh_in_decides_when_to_renew() {
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
    fn a_lifetime_that_the_response_does_not_name_is_short() {
        assert_eq!(Life::new(None, None).expires_in, Duration::from_mins(5));
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
