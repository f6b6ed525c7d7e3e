//! A key set as Entra publishes it (RFC 7517).

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use entra_shared::json::Object;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::signing_key::{SigningKey, admit, name};
use super::sleep_aware::SleepAwareInstant;

/// The most keys in a set, a hundred times as many as Entra publishes.
pub(super) const MAX_KEYS: usize = 1000;

/// The keys of one fetch; immutable and never empty.
#[derive(Debug, Clone)]
pub struct KeySet {
    /// The keys by id; `None` for a key that is not usable, or if two different keys have the same id.
    pub(super) keys: Keys,
    pub(super) fetched_at: SleepAwareInstant,
}

type Keys = HashMap<Arc<str>, Option<Arc<SigningKey>>>;

/// Why a document is not a usable key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not a JSON object with `keys`.
    #[error("the key set is malformed")]
    Malformed,
    /// More than [`MAX_KEYS`].
    #[error("the key set holds more than {MAX_KEYS} keys")]
    TooMany,
    /// No key is admitted.
    #[error("the key set holds no usable key")]
    Empty,
}

impl KeySet {
    /// Parses a key set. Each key is parsed on its own, so that one bad key does not invalidate the others.
    ///
    /// # Errors
    ///
    /// The document is malformed, has too many keys, or has no usable key.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidKeySet> {
        let Object(document): Object<Document<'_>> =
            serde_json::from_slice(document).map_err(|_| InvalidKeySet::Malformed)?;
        if document.keys.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooMany);
        }
        let mut keys = HashMap::new();
        let (mut rejected, mut rejection) = (Vec::new(), None);
        for jwk in document.keys {
            match admit(jwk.get()) {
                Ok(key) => insert(&mut keys, key),
                Err(reason) => {
                    rejection = Some(reason);
                    rejected.extend(name(jwk.get()));
                }
            }
        }
        if let Some(reason) = rejection {
            // One line for all, since the document decides how many there are.
            tracing::warn!(reason, "skipped unusable keys; last reason: {reason}");
        }
        for key_id in rejected {
            keys.entry(key_id).or_insert(None);
        }
        Self { keys, fetched_at: SleepAwareInstant::now() }.unless_empty()
    }

    /// Removes the keys that are published for another cloud than `cloud`, the `cloud_instance_name` of the metadata.
    ///
    /// # Errors
    ///
    /// No key is left.
    pub fn in_cloud(mut self, cloud: &str) -> Result<Self, InvalidKeySet> {
        for key in self.keys.values_mut() {
            key.take_if(|key| key.cloud().is_some_and(|of_key| of_key != cloud));
        }
        self.unless_empty()
    }

    /// Returns the key with exactly this id.
    #[must_use]
    pub fn find(&self, key_id: &str) -> Option<Arc<SigningKey>> {
        self.keys.get(key_id)?.clone()
    }

    /// Number of keys; at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a key set is never empty")]
    pub fn len(&self) -> usize {
        self.keys.values().flatten().count()
    }

    fn unless_empty(self) -> Result<Self, InvalidKeySet> {
        if self.len() == 0 { Err(InvalidKeySet::Empty) } else { Ok(self) }
    }
}

#[cfg(test)]
impl KeySet {
    /// Returns the set as if the machine had slept for `time` since the set was parsed.
    pub(super) fn before_a_sleep_of(self, time: std::time::Duration) -> Self {
        Self { fetched_at: SleepAwareInstant::before_a_sleep_of(time), ..self }
    }
}

/// The elements of `keys` as raw JSON, so that one that cannot be parsed does not invalidate the others.
#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

fn insert(keys: &mut Keys, key: SigningKey) {
    match keys.entry(Arc::clone(key.id())) {
        Entry::Vacant(entry) => _ = entry.insert(Some(Arc::new(key))),
        Entry::Occupied(mut entry) => {
            if entry.get().as_deref() != Some(&key) {
                entry.insert(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::super::signing_key::MAX_KEY_ID_BYTES;
    use super::*;
    use crate::authentication::test_token::{TestKey, segment};

    fn parse(keys: &[Value]) -> Result<KeySet, InvalidKeySet> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn a_document_without_usable_keys_is_refused() {
        for document in ["", "[]", "[[]]", "null", "{}", r#"{"keys":null}"#, r#"{"keys":{}}"#, "<html>"] {
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
        let private = ["d", "p", "q", "dp", "dq", "qi", "k"].map(|member| with(member, json!("AQAB")));
        let bad = [
            json!(null),
            json!("key"),
            json!(["RSA", "sig", null, null, "bad", good["n"], "AQAB", null, null, null]),
            json!({ "kty": "EC", "crv": "P-256", "kid": "bad", "use": "sig" }),
            json!({ "kty": "unheard-of", "kid": "bad" }),
            with("use", json!("enc")),
            with("use", json!(null)),
            with("key_ops", json!(["encrypt"])),
            with("alg", json!("PS256")),
            with("oth", json!([{ "r": "AQAB", "d": "AQAB", "t": "AQAB" }])),
            with("oth", json!([])),
            with("kid", json!(null)),
            with("kid", json!("")),
            with("kid", json!("x".repeat(MAX_KEY_ID_BYTES + 1))),
            with("n", json!(null)),
            with("n", json!("!")),
            with("n", json!("AA")),
            with("n", json!(segment(&[0xff; 64]))),
            with("n", json!(segment(&[0xff; 128]))),
            with("n", json!(segment(&[&[0x7f][..], &[0xff; 255]].concat()))),
            with("n", json!(segment(&[&[0x00][..], &[0xff; 256]].concat()))),
            with("n", json!(segment(&[0xff; 255]))),
            with("n", json!(segment(&[0xff; 2048]))),
            with("n", even(&good)),
            with("e", json!("AQ")),
            with("e", json!("Aw")),
            with("e", json!("AAEAAQ")),
            with("e", json!("AQAA")),
            with("e", json!(null)),
            with("e", json!([1, 0, 1])),
            with("n", json!("A".repeat(1024 * 1024))),
        ];
        for bad in bad.into_iter().chain(private) {
            let keys = parse(&[bad.clone(), good.clone(), bad.clone()]).unwrap();
            assert!(keys.find("bad").is_none(), "{bad}");
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
    fn an_id_that_two_keys_claim_is_unusable() {
        let (first, second, third) = (TestKey::new(), TestKey::new(), TestKey::new());
        let keys = parse(&[first.jwk("K1"), second.jwk("K1"), third.jwk("K2"), third.jwk("K2")]).unwrap();
        assert!(keys.find("K1").is_none());
        assert!(keys.find("K2").is_some());
    }

    #[test]
    fn repetition_or_depth_in_one_key_does_not_cost_the_good_one() {
        let good = TestKey::new().jwk("good");
        let bad = good.to_string().replace("good", "bad");
        for bad in [
            bad.replacen('{', r#"{"kid":"bad","#, 1),
            bad.replacen('{', r#"{"us\u0065":"sig","#, 1),
            format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000)),
        ] {
            let keys = KeySet::parse(format!(r#"{{"keys":[{bad},{good}]}}"#).as_bytes()).unwrap();
            assert_eq!(keys.len(), 1);
            assert!(keys.find("good").is_some());
        }
        // An unused member that jsonwebtoken cannot read costs its own key only.
        let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
        for unused in [&deep, r#""\ud800""#] {
            let odd = bad.replacen('{', &format!(r#"{{"x":{unused},"#), 1);
            let keys = KeySet::parse(format!(r#"{{"keys":[{odd},{good}]}}"#).as_bytes()).unwrap();
            assert_eq!(
                (keys.len(), keys.find("good").is_some(), keys.keys.contains_key("bad")),
                (1, true, true)
            );
        }
        for document in [
            format!(r#"{{"keys":[{good}],"keys":[{good}]}}"#),
            format!(r#"{{"keys":[{good}"#),
            format!(r#"{{"keys":[{good}]}}x"#),
        ] {
            assert_eq!(KeySet::parse(document.as_bytes()).unwrap_err(), InvalidKeySet::Malformed);
        }
    }

    #[test]
    fn there_is_an_end_to_the_number_of_keys() {
        let key = TestKey::new();
        let keys = |number| (0..number).map(|id| key.jwk(&id.to_string())).collect::<Vec<_>>();
        assert_eq!(parse(&keys(MAX_KEYS)).unwrap().len(), MAX_KEYS);
        assert_eq!(parse(&keys(MAX_KEYS + 1)).unwrap_err(), InvalidKeySet::TooMany);
        assert_eq!(parse(&vec![json!(null); 100_000]).unwrap_err(), InvalidKeySet::TooMany);
    }

    #[test]
    fn a_key_of_another_cloud_is_left_out() {
        let key = TestKey::new();
        let in_cloud = |id: &str, cloud: Value| {
            let mut jwk = key.jwk(id);
            jwk["cloud_instance_name"] = cloud;
            jwk
        };
        let here = in_cloud("here", json!("microsoftonline.com"));
        let there = in_cloud("there", json!("microsoftonline.us"));
        let set = parse(&[here, there.clone(), key.jwk("silent"), in_cloud("null", json!(null))]).unwrap();
        let set = set.in_cloud("microsoftonline.com").unwrap();
        assert_eq!((set.len(), set.find("there").is_none(), set.keys.contains_key("there")), (3, true, true));
        let all_there = parse(&[there]).unwrap().in_cloud("microsoftonline.com");
        assert_eq!(all_there.unwrap_err(), InvalidKeySet::Empty);
    }
}
