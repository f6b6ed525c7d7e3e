//! Caches the keys of external issuers, fetched when a token of theirs arrives.

mod documents;
mod known;
mod names;
mod reach;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use entra_shared::http_client::HttpClientSettings;
use entra_shared::ids::TenantId;
use entra_shared::settings::KeyProblem;
use jiff::Timestamp;
use tokio::time::Instant;

use super::rsa::RsaKey;
use documents::Documents;
use known::{Known, Moment};

/// The most issuers in the cache, at most some 100 KB each.
const MAX_ISSUERS: usize = 256;

/// The cached issuers, separately for each tenant, since the entries age by the tenant's clock.
pub(super) struct Issuers {
    documents: Documents,
    known: Mutex<HashMap<(TenantId, String), Slot>>,
}

/// A tenant's cache entry for an issuer, and when it was last used.
struct Slot {
    known: Arc<tokio::sync::Mutex<Known>>,
    used: Instant,
}

/// A tenant that needs an issuer's keys, with the time of its clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    pub(super) tenant: TenantId,
    pub(super) now: Timestamp,
}

/// The issuer's keys could not be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreachable;

impl Issuers {
    /// Creates an empty cache that fetches with these settings.
    pub(super) fn new(settings: HttpClientSettings) -> Result<Self, KeyProblem> {
        Ok(Self { documents: Documents::new(settings)?, known: Mutex::default() })
    }

    /// Returns the issuer's key with this id, fetching the keys if necessary.
    pub(super) async fn key(
        &self,
        asking: Asking,
        issuer: &str,
        kid: &str,
    ) -> Result<Option<RsaKey>, Unreachable> {
        let known = self.known(asking.tenant, issuer);
        let mut known = known.lock().await;
        let now = Moment::at(asking.now);
        if !known.is_due(kid, now) {
            return Ok(known.key(kid));
        }
        if !known.has_just_failed(kid, now) {
            match self.documents.keys(issuer).await {
                Ok(keys) => {
                    known.replace(keys, now);
                    return Ok(known.key(kid));
                }
                Err(reason) => {
                    tracing::warn!(issuer, %reason, "the keys of a federated issuer could not be fetched");
                    known.fail(now);
                }
            }
        }
        known.kept(kid, now).map(Some).ok_or(Unreachable)
    }

    /// Returns the entry of an issuer; evicts the least recently used one if there are too many.
    fn known(&self, tenant: TenantId, issuer: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant, issuer.to_owned());
        if all.len() >= MAX_ISSUERS && !all.contains_key(&key) {
            let oldest = all.iter().min_by_key(|(_, slot)| slot.used).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
        let slot = all.entry(key).or_insert_with(|| Slot { known: Arc::default(), used: Instant::now() });
        slot.used = Instant::now();
        Arc::clone(&slot.known)
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuers").field("documents", &self.documents).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn the_issuer_wanted_the_longest_ago_is_forgotten_and_tenants_know_issuers_for_themselves() {
        let issuers = Issuers::new(HttpClientSettings {
            connect_timeout_seconds: NonZeroU64::MIN,
            timeout_seconds: NonZeroU64::MIN,
            ca_file: None,
        });
        let issuers = issuers.unwrap();
        let tenant = |number| TenantId::from(Uuid::from_u128(number));
        let first = issuers.known(tenant(1), "0");
        assert!(!Arc::ptr_eq(&first, &issuers.known(tenant(2), "0")));
        for number in 1..MAX_ISSUERS {
            assert!(Arc::ptr_eq(&first, &issuers.known(tenant(1), "0")), "{number}");
            issuers.known(tenant(1), &number.to_string());
        }
        assert!(Arc::ptr_eq(&first, &issuers.known(tenant(1), "0")));
        assert_eq!(issuers.known.lock().unwrap().len(), MAX_ISSUERS);
        assert!(!issuers.known.lock().unwrap().contains_key(&(tenant(2), "0".to_owned())));
    }
}
