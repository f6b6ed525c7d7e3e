//! A key set as Entra publishes it (RFC 7517), and which of its keys are admitted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

/// The sizes of RSA keys that are admitted, in bits: what NIST allows, up to what the cryptography verifies.
const MODULUS_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The public exponent of every key of Entra's, 65537 (`AQAB`).
const EXPONENT: [u8; 3] = [1, 0, 1];

/// The longest `kid`, in bytes.
const MAX_KEY_ID_BYTES: usize = 256;

/// The keys of one fetch. Never changed, and never empty.
#[derive(Debug)]
pub struct KeySet {
    keys: HashMap<String, Arc<SigningKey>>,
    fetched_at: Instant,
}

/// A public key that tokens may be signed with.
pub struct SigningKey {
    key: DecodingKey,
    modulus: Vec<u8>,
    issuer: Option<String>,
}

/// A document that is no key set, or holds no key of use. Whoever published it is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not a JSON object with `keys`.
    #[error("the key set is malformed")]
    Malformed,
    /// Not one key was admitted.
    #[error("the key set holds no usable key")]
    Empty,
}

impl KeySet {
    /// Reads a key set. Keys of no use are left out one by one, so that one bad key does not cost the others.
    ///
    /// # Errors
    /// The document is malformed, or no key is left.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidKeySet> {
        let document: Document = serde_json::from_slice(document).map_err(|_| InvalidKeySet::Malformed)?;
        let mut keys = HashMap::new();
        for value in document.keys {
            match admit(value) {
                Ok((key_id, key)) => insert(&mut keys, key_id, key),
                Err(reason) => tracing::debug!(reason, "left a published key out"),
            }
        }
        // A name that two different keys claim is nobody's.
        let keys: HashMap<_, _> =
            keys.into_iter().filter_map(|(id, key)| Some((id, Arc::new(key?)))).collect();
        if keys.is_empty() {
            return Err(InvalidKeySet::Empty);
        }
        Ok(Self { keys, fetched_at: Instant::now() })
    }

    /// The key of exactly this name.
    #[must_use]
    pub fn find(&self, key_id: &str) -> Option<Arc<SigningKey>> {
        self.keys.get(key_id).map(Arc::clone)
    }

    /// How many keys there are: at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a key set is never empty")]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// How long ago the set was read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.fetched_at.elapsed()
    }
}

impl SigningKey {
    /// The issuer that Entra publishes the key for; `{tenantid}` stands for any tenant.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(in crate::authentication) fn decoding_key(&self) -> &DecodingKey {
        &self.key
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// RFC 7517 section 4 and RFC 7518 section 6.3.1, and Entra's own `issuer`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<Value>,
    issuer: Option<String>,
}

fn admit(value: Value) -> Result<(String, SigningKey), &'static str> {
    let jwk: Jwk = serde_json::from_value(value).map_err(|_| "malformed")?;
    if jwk.kty != "RSA" {
        return Err("not an RSA key");
    }
    if jwk.usage.as_deref() != Some("sig")
        || jwk.key_ops.is_some_and(|ops| ops.iter().all(|op| op != "verify"))
    {
        return Err("not for signatures");
    }
    // Entra writes no `alg`; where somebody does, it must be the one algorithm in use.
    if jwk.alg.is_some_and(|alg| alg != "RS256") {
        return Err("for another algorithm");
    }
    if jwk.d.is_some() {
        return Err("published with its private half");
    }
    let key_id =
        jwk.kid.filter(|id| (1..=MAX_KEY_ID_BYTES).contains(&id.len())).ok_or("without a usable kid")?;
    let modulus = modulus(jwk.n.as_deref().unwrap_or_default())?;
    if decode(jwk.e.as_deref().unwrap_or_default())? != EXPONENT {
        return Err("with an exponent other than 65537");
    }
    let key = DecodingKey::from_rsa_raw_components(&modulus, &EXPONENT);
    Ok((key_id, SigningKey { key, modulus, issuer: jwk.issuer }))
}

fn modulus(text: &str) -> Result<Vec<u8>, &'static str> {
    let bytes = decode(text)?;
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return Err("without a modulus") };
    let bits = (bytes.len() * 8).saturating_sub(first.leading_zeros() as usize);
    if *first == 0 || last % 2 == 0 || !MODULUS_BITS.contains(&bits) {
        return Err("with an unsafe modulus");
    }
    Ok(bytes)
}

fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| "not in base64url")
}

fn insert(keys: &mut HashMap<String, Option<SigningKey>>, key_id: String, key: SigningKey) {
    match keys.entry(key_id) {
        Entry::Vacant(entry) => _ = entry.insert(Some(key)),
        Entry::Occupied(mut entry) => {
            let same = |known: &SigningKey| known.modulus == key.modulus && known.issuer == key.issuer;
            if !entry.get().as_ref().is_some_and(same) {
                entry.insert(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authentication::test_token::{TestKey, segment};

    fn parse(keys: &[Value]) -> Result<KeySet, InvalidKeySet> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_document_without_usable_keys_is_refused() {
        for document in ["", "[]", "null", "{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, "<html>"] {
            assert_eq!(
                KeySet::parse(document.as_bytes()).unwrap_err(),
                InvalidKeySet::Malformed,
                "{document}"
            );
        }
        assert_eq!(parse(&[]).unwrap_err(), InvalidKeySet::Empty);
    }

    #[test]
    fn one_bad_key_does_not_cost_the_good_one() {
        let good = TestKey::new().jwk("good");
        let with = |member: &str, value: Value| {
            let mut bad = good.clone();
            bad["kid"] = json!("bad");
            bad[member] = value;
            bad
        };
        let even = |jwk: &Value| {
            let mut n = URL_SAFE_NO_PAD.decode(jwk["n"].as_str().unwrap()).unwrap();
            *n.last_mut().unwrap() &= 0xfe;
            json!(segment(&n))
        };
        let bad = [
            json!(null),
            json!("key"),
            json!({ "kty": "EC", "crv": "P-256", "kid": "bad", "use": "sig" }),
            json!({ "kty": "unheard-of", "kid": "bad" }),
            with("use", json!("enc")),
            with("use", json!(null)),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("PS256")),
            with("d", json!("AQAB")),
            with("kid", json!(null)),
            with("kid", json!("")),
            with("kid", json!("x".repeat(MAX_KEY_ID_BYTES + 1))),
            with("n", json!(null)),
            with("n", json!("!")),
            with("n", json!("AA")),
            with("n", json!(segment(&[0xff; 128]))),
            with("n", json!(segment(&[0xff; 255]))),
            with("n", json!(segment(&[0xff; 2048]))),
            with("n", even(&good)),
            with("e", json!("AQ")),
            with("e", json!("Aw")),
            with("e", json!(null)),
        ];
        for bad in bad {
            let keys = parse(&[bad.clone(), good.clone()]).unwrap();
            assert_eq!(keys.len(), 1, "{bad}");
            assert!(keys.find("good").is_some(), "{bad}");
            assert_eq!(parse(std::slice::from_ref(&bad)).unwrap_err(), InvalidKeySet::Empty, "{bad}");
        }
    }

    #[test]
    fn a_key_as_entra_publishes_it_is_admitted() {
        let keys = parse(&[TestKey::new().jwk("K1")]).unwrap();
        assert!(keys.find("K1").unwrap().issuer().unwrap().contains("{tenantid}"));
        assert!(keys.find("k1").is_none());
    }

    #[test]
    fn a_name_that_two_keys_claim_is_nobodys() {
        let (first, second, third) = (TestKey::new(), TestKey::new(), TestKey::new());
        let keys = parse(&[first.jwk("K1"), second.jwk("K1"), third.jwk("K2"), third.jwk("K2")]).unwrap();
        assert!(keys.find("K1").is_none());
        assert!(keys.find("K2").is_some());
    }
}
