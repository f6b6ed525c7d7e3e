//! The keys of external issuers: fetched when a token of theirs comes, and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use shared::http_client::{HttpClientSettings, http_client, read_body};
use shared::json::Object;
use shared::settings::KeyProblem;
use tokio::time::Instant;
use url::Url;

use super::federated::may_name;
use super::rsa::RsaKey;

/// The largest document, in bytes; room for a hundred keys with their certificates.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// The most keys of an issuer that are kept, as at Entra.
const MAX_KEYS: usize = 100;

/// How long keys are kept without being asked for again.
const LIFE: Duration = Duration::from_hours(1);

/// How long keys are used while asking for them again fails.
const STALE_LIFE: Duration = Duration::from_hours(24);

/// How often an unknown key id may have the keys fetched before [`LIFE`] is over.
const FORCED_INTERVAL: Duration = Duration::from_mins(1);

/// How long a failure is remembered: whoever waited for the same answer gets it, and does not ask again.
const FAILURE_LIFE: Duration = Duration::from_millis(500);

/// The issuers that were asked; as many at most as the directory names.
pub(super) struct Issuers {
    settings: HttpClientSettings,
    client: OnceLock<Client>,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

/// The issuer, or the network on the way to it: there are no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unreachable;

/// What is known of an issuer. Its lock is held while it is asked, so that it is asked once.
#[derive(Default)]
struct Known {
    keys: HashMap<String, RsaKey>,
    fetched: Option<Instant>,
    forced: Option<Instant>,
    failed: Option<Instant>,
}

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
    pub(super) async fn key(&self, issuer: &str, kid: &str) -> Result<Option<RsaKey>, Unreachable> {
        let known = {
            let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(issuer.to_owned()).or_default())
        };
        let mut known = known.lock().await;
        if !known.is_due(kid) {
            return Ok(known.keys.get(kid).cloned());
        }
        if !known.has_just_failed(kid) {
            match self.fetch(issuer).await {
                Ok(keys) => {
                    known.replace(keys);
                    return Ok(known.keys.get(kid).cloned());
                }
                Err(reason) => {
                    tracing::warn!(issuer, reason, "the keys of a federated issuer could not be fetched");
                    known.failed = Some(Instant::now());
                }
            }
        }
        known.kept(kid).cloned().map(Some).ok_or(Unreachable)
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

impl Known {
    /// Whether the issuer is to be asked before the key of this id is looked up; counts the times it is for the id.
    fn is_due(&mut self, kid: &str) -> bool {
        if !is_recent(self.fetched, LIFE) {
            return true;
        }
        let unknown = !self.keys.contains_key(kid) && !is_recent(self.forced, FORCED_INTERVAL);
        if unknown {
            self.forced = Some(Instant::now());
        }
        unknown
    }

    /// Whether the issuer is left alone for now: longer where there is a key that can be used meanwhile.
    fn has_just_failed(&self, kid: &str) -> bool {
        let life = if self.kept(kid).is_some() { FORCED_INTERVAL } else { FAILURE_LIFE };
        is_recent(self.failed, life)
    }

    /// The key that is used although the issuer cannot be asked.
    fn kept(&self, kid: &str) -> Option<&RsaKey> {
        self.keys.get(kid).filter(|_| is_recent(self.fetched, STALE_LIFE))
    }

    fn replace(&mut self, keys: HashMap<String, RsaKey>) {
        self.keys = keys;
        self.fetched = Some(Instant::now());
        self.failed = None;
    }
}

impl std::fmt::Debug for Issuers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuers").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn is_recent(time: Option<Instant>, life: Duration) -> bool {
    time.is_some_and(|time| time.elapsed() < life)
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

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_unknown_key_id_costs_one_fetch_a_minute() {
        let mut known = Known::default();
        assert!(known.is_due("a"));
        known.replace(HashMap::new());
        assert!(known.is_due("a"));
        known.replace(HashMap::new());
        assert!(!known.is_due("a") && !known.is_due("b"));
        tokio::time::advance(FORCED_INTERVAL).await;
        assert!(known.is_due("b") && !known.is_due("b"));
        tokio::time::advance(LIFE).await;
        assert!(known.is_due("b") && known.is_due("b"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_good_key_is_used_for_a_day_while_the_issuer_is_away() {
        let issuers = Issuers::new(HttpClientSettings {
            connect_timeout_seconds: NonZeroU64::MIN,
            timeout_seconds: NonZeroU64::MIN,
            ca_file: None,
        });
        // Nothing is fetched from it: it is not a URL.
        let (issuers, issuer) = (issuers.unwrap(), "away");
        let key = RsaKey::new(&[0xff; 256], &[1, 0, 1]).unwrap();
        let known = Arc::new(tokio::sync::Mutex::new(Known::default()));
        known.lock().await.replace(HashMap::from([("a".to_owned(), key)]));
        issuers.known.lock().unwrap().insert(issuer.to_owned(), Arc::clone(&known));
        tokio::time::advance(LIFE).await;
        assert!(issuers.key(issuer, "a").await.unwrap().is_some());
        let failed = known.lock().await.failed;
        assert!(failed.is_some());
        tokio::time::advance(FORCED_INTERVAL / 2).await;
        assert!(issuers.key(issuer, "a").await.unwrap().is_some());
        assert_eq!(known.lock().await.failed, failed, "not asked again within a minute");
        assert!(issuers.key(issuer, "b").await.is_err());
        tokio::time::advance(STALE_LIFE).await;
        assert!(issuers.key(issuer, "a").await.is_err());
    }
}
