//! A credential in the list, with its state.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::Credential;
use crate::TokenError;
use crate::throttle::Throttle;

/// How long a refused credential is skipped while another one works.
///
/// Some refusals are temporary: Entra refuses a new secret until it is replicated.
const SKIP_REFUSED: Duration = Duration::from_mins(10);

/// How many days before a credential expires the log warns.
const WARN_FROM_DAYS: i64 = 30;

/// The interval between warnings.
const WARN_EVERY: Duration = Duration::from_hours(24);

/// When a credential expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiry<'a> {
    /// The credential's name.
    pub credential: &'a str,
    /// The time of expiry.
    pub at: Timestamp,
    /// The whole days until the expiry; negative after it.
    pub days: i64,
}

/// A credential with its last refusal, and the rate limit for warnings of its expiry.
pub(super) struct Slot {
    pub(super) credential: Credential,
    refused: Mutex<Option<Refused>>,
    warnings: Throttle,
}

/// When a credential was refused, and the generation of its file.
#[derive(Clone, Copy)]
struct Refused {
    at: Instant,
    generation: u64,
}

impl Slot {
    pub(super) fn new(credential: Credential) -> Self {
        Self { credential, refused: Mutex::new(None), warnings: Throttle::default() }
    }

    /// Returns whether it was refused recently, and its file has not changed since.
    ///
    /// `generation` is the present one of its file.
    pub(super) fn is_refused(&self, generation: u64) -> bool {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|refused| refused.at.elapsed() < SKIP_REFUSED && refused.generation == generation)
    }

    /// Returns whether it was refused when it was last tried.
    pub(super) fn was_refused(&self) -> bool {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Records that the authority refused the credential. If `next` is tried instead, logs that once.
    pub(super) async fn refuse(&self, error: &TokenError, next: Option<&Credential>) {
        let generation = self.credential.generation().await;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = refused.is_some_and(|refused| refused.generation == generation);
        *refused = Some(Refused { at: Instant::now(), generation });
        if let (Some(next), false) = (next, is_known) {
            tracing::warn!(
                credential = self.credential.name(),
                next = next.name(),
                %error,
                "a credential was refused and the next one is used; renew it or remove it"
            );
        }
    }

    pub(super) fn accept(&self) {
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(
                credential = self.credential.name(),
                "a credential that was refused is accepted again"
            );
        }
    }

    pub(super) fn expiry(&self) -> Option<Expiry<'_>> {
        let at = self.credential.expires_at()?;
        let seconds = at.duration_since(Timestamp::now()).as_secs();
        // Rounded down: one that expired an hour ago has -1.
        Some(Expiry { credential: self.credential.name(), at, days: seconds.div_euclid(86_400) })
    }

    pub(super) fn warn_of_expiry(&self) {
        let Some(Expiry { credential, at, days }) =
            self.expiry().filter(|expiry| expiry.days < WARN_FROM_DAYS)
        else {
            return;
        };
        if !self.warnings.try_acquire(Instant::now(), WARN_EVERY) {
            return;
        }
        if days < 0 {
            tracing::warn!(credential, expired_at = %at, "a credential has expired; replace it");
        } else {
            tracing::warn!(credential, expires_at = %at, days, "a credential expires soon; add a new one");
        }
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::secret::ClientSecret;

    use super::*;
    use crate::credential::SecretCredential;
    use crate::test_log::TestLog;

    #[test]
    fn days_are_counted_whole_and_below_zero_once_it_has_expired() {
        for (hours, days) in [(24 * 30 + 1, 30), (25, 1), (23, 0), (1, 0), (-1, -1), (-25, -2)] {
            let secret = SecretCredential::new(ClientSecret::parse("canary").unwrap());
            let half_an_hour = Duration::from_mins(30);
            let at = Timestamp::now() + jiff::SignedDuration::from_hours(hours) + half_an_hour;
            let slot = Slot::new(Credential::Secret(secret.expiring_at(at)));
            assert_eq!(slot.expiry().unwrap().days, days, "{hours}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_log_says_once_a_day_that_a_credential_expires() {
        let secret = SecretCredential::new(ClientSecret::parse("canary").unwrap());
        let slot = Slot::new(Credential::Secret(secret.expiring_at(Timestamp::now())));
        let log = TestLog::start();
        let warnings = || {
            slot.warn_of_expiry();
            log.take().matches("WARN").count()
        };
        assert_eq!([warnings(), warnings()], [1, 0]);
        tokio::time::advance(WARN_EVERY).await;
        assert_eq!([warnings(), warnings()], [1, 0]);
    }

    #[test]
    fn a_secret_without_a_known_expiry_has_none() {
        let secret = SecretCredential::new(ClientSecret::parse("canary").unwrap());
        assert_eq!(Slot::new(Credential::Secret(secret)).expiry(), None);
    }
}
