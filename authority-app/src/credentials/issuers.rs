//! The keys of external issuers: fetched when a token of theirs comes, and kept.

mod known;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use shared::http_client::{HttpClientSettings, http_client, read_body};
use shared::ids::TenantId;
use shared::json::Object;
use shared::settings::KeyProblem;
use tokio::time::Instant;
use url::Url;

use super::federated::may_name;
use super::rsa::RsaKey;
use known::{Known, Moment};

/// The largest document, in bytes; room for a hundred keys with their certificates.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// The most keys of an issuer that are kept, as at Entra.
const MAX_KEYS: usize = 100;

/// The most issuers whose keys are kept at a time, at some 100 KB each at most.
const MAX_ISSUERS: usize = 256;

/// The issuers that were asked lately, each by every tenant for itself: what a tenant knows of one goes by its clock.
pub(super) struct Issuers {
    settings: HttpClientSettings,
    client: OnceLock<Client>,
    known: Mutex<HashMap<(TenantId, String), Slot>>,
}

/// A tenant's knowledge of an issuer, and when it was last wanted.
struct Slot {
    known: Arc<tokio::sync::Mutex<Known>>,
    used: Instant,
}

/// Which tenant asks for keys, and what its clock shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asking {
    pub(super) tenant: TenantId,
    pub(super) now: Timestamp,
}

/// The issuer, or the network on the way to it: there are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreachable;

impl Issuers {
    /// A client is made now only where its certificate authorities may turn out unusable; it takes some milliseconds.
    pub(super) fn new(settings: HttpClientSettings) -> Result<Self, KeyProblem> {
        let client = OnceLock::new();
        if settings.ca_file.is_some() {
            let _ = client.set(http_client(&settings)?);
        }
        Ok(Self { settings, client, known: Mutex::default() })
    }

    /// The issuer's key of this id.
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
            match self.fetch(issuer).await {
                Ok(keys) => {
                    known.replace(keys, now);
                    return Ok(known.key(kid));
                }
                Err(reason) => {
                    tracing::warn!(issuer, reason, "the keys of a federated issuer could not be fetched");
                    known.fail(Moment::at(asking.now));
                }
            }
        }
        known.kept(kid, now).map(Some).ok_or(Unreachable)
    }

    /// What is known of an issuer; where too many are, the one that was wanted the longest ago is forgotten.
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

    /// Asks for the discovery document and then the key set, with the limits of [`shared::http_client`].
    async fn fetch(&self, issuer: &str) -> Result<HashMap<String, RsaKey>, &'static str> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: Url,
        }
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| "the issuer is not a URL")?;
        let Object(document): Object<Document> =
            serde_json::from_slice(&self.document(&url, url.clone()).await?)
                .map_err(|_| "the discovery document is malformed")?;
        // OpenID Connect Discovery 1.0 section 4.3.
        if document.issuer != issuer {
            return Err("the discovery document is another issuer's");
        }
        let Object(set): Object<KeySet> =
            serde_json::from_slice(&self.document(&url, document.jwks_uri).await?)
                .map_err(|_| "the key set is malformed")?;
        Ok(set.keys.iter().take(MAX_KEYS).filter_map(rsa_key).collect())
    }

    async fn document(&self, issuer: &Url, url: Url) -> Result<Vec<u8>, &'static str> {
        if !may_name(issuer, &url) {
            return Err("the URL is not https, or it is of this machine and the issuer is not");
        }
        let client = self.client().ok_or("no HTTP client could be made")?;
        let answer = client.get(url).send().await.map_err(|_| "the request failed")?;
        if answer.status() != http::StatusCode::OK {
            return Err("the answer is not 200");
        }
        read_body(answer, MAX_DOCUMENT_BYTES).await.map_err(|_| "the answer is too large or broke off")
    }

    fn client(&self) -> Option<&Client> {
        if self.client.get().is_none() {
            let _ = self.client.set(http_client(&self.settings).ok()?);
        }
        self.client.get()
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuers").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// An RSA key for signatures, with its id (RFC 7517 section 4); other keys of the set are none of ours.
fn rsa_key(key: &Value) -> Option<(String, RsaKey)> {
    let member = |name: &str| key.get(name).and_then(Value::as_str);
    let number = |name| BASE64_URL_SAFE_NO_PAD.decode(member(name)?).ok();
    let for_signatures = member("kty") == Some("RSA") && member("use").is_none_or(|usage| usage == "sig");
    let key = RsaKey::new(&number("n")?, &number("e")?)?;
    for_signatures.then_some((member("kid")?.to_owned(), key))
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
