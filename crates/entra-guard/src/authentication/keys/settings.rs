//! The settings of the signing keys.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use entra_shared::settings::KeyProblem;
use serde::Deserialize;

/// Section `[keys]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySettings {
    /// Seconds between two fetches. Each fetch comes up to a tenth of that earlier.
    pub refresh_interval_seconds: NonZeroU64,
    /// Seconds after which keys are no longer trusted if no fetch succeeds. At most 86400.
    pub max_age_seconds: NonZeroU64,
    /// Seconds for which a key stays in use after the last fetch that contained it. At most 3600.
    pub removed_key_grace_seconds: u64,
    /// How many fetches in a row tokens with unknown key ids may cause.
    pub unknown_key_fetches: NonZeroU32,
    /// Seconds after which tokens with unknown key ids may cause one more fetch. Until then they are refused with
    /// `key_unknown`.
    pub unknown_key_refill_seconds: NonZeroU64,
    /// How long a request with an unknown key id waits for the fetch, in milliseconds. At most 10000.
    pub unknown_key_wait_milliseconds: NonZeroU64,
}

/// The longest `max_age_seconds`: Entra lets clients cache its documents for a day.
const LONGEST_AGE: Duration = Duration::from_hours(24);

/// The longest grace period, since a leaked key must not verify tokens for longer.
const LONGEST_GRACE: Duration = Duration::from_hours(1);

/// The longest time that a request may wait for a fetch.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl KeySettings {
    /// Checks the settings against each other.
    ///
    /// # Errors
    /// Keys would expire before they are fetched again, or a time is longer than its limit.
    pub fn check(&self) -> Result<(), KeyProblem> {
        if self.max_age_seconds.get() > LONGEST_AGE.as_secs() {
            return Err(KeyProblem::new("keys.max_age_seconds", "must be at most 86400, which is a day"));
        }
        if self.refresh_interval_seconds >= self.max_age_seconds {
            return Err(KeyProblem::new(
                "keys.refresh_interval_seconds",
                "must be less than `keys.max_age_seconds`, or keys would be too old before they are fetched again",
            ));
        }
        if self.removed_key_grace_seconds > LONGEST_GRACE.as_secs() {
            return Err(KeyProblem::new(
                "keys.removed_key_grace_seconds",
                "must be at most 3600, which is an hour; 0 ends a key with the fetch that no longer brings it",
            ));
        }
        if u128::from(self.unknown_key_wait_milliseconds.get()) > LONGEST_WAIT.as_millis() {
            return Err(KeyProblem::new("keys.unknown_key_wait_milliseconds", "must be at most 10000"));
        }
        Ok(())
    }
}

impl Default for KeySettings {
    /// Fetches hourly, trusts keys for a day, and lets a removed key verify for an hour.
    fn default() -> Self {
        let seconds = |seconds| NonZeroU64::new(seconds).unwrap_or(NonZeroU64::MIN);
        Self {
            refresh_interval_seconds: seconds(3600),
            max_age_seconds: seconds(86_400),
            removed_key_grace_seconds: 3600,
            unknown_key_fetches: NonZeroU32::new(2).unwrap_or(NonZeroU32::MIN),
            unknown_key_refill_seconds: seconds(30),
            unknown_key_wait_milliseconds: seconds(2000),
        }
    }
}
