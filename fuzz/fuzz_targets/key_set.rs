//! Only RSA keys of a sound size that are published under one name are admitted, whatever stands beside them.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use resource_app::authentication::keys::KeySet;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use shared::json::Object;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = KeySet::parse(bytes) else { return };
    let Object(document): Object<Document> = serde_json::from_slice(bytes).expect("a list of keys");
    assert!((1..=document.keys.len()).contains(&set.len()));
    // A key of which a member cannot be read is not admitted, and one that is no object has no name.
    let keys: Vec<Key> = document
        .keys
        .iter()
        .filter_map(|key| serde_json::from_str(key.get()).ok().map(|Object(key)| key))
        .collect();
    let mut found = 0;
    for (index, key) in keys.iter().enumerate() {
        let Some(name) = key.kid.as_str() else { continue };
        let is_first = keys[..index].iter().all(|earlier| earlier.kid != name);
        if is_first && set.find(name).is_some() {
            found += 1;
            let mut same = keys.iter().filter(|key| key.kid == name);
            assert!(same.any(Key::is_sound), "{name}");
        }
    }
    assert_eq!(found, set.len());
});

/// The members that decide. The others are passed over unread, in the set and here: what they hold need not be JSON
/// that could be kept, such as half of a surrogate pair, or lists within lists without end.
#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Key {
    kty: Value,
    #[serde(rename = "use")]
    usage: Value,
    alg: Value,
    kid: Value,
    n: Value,
    e: Value,
    d: Value,
}

impl Key {
    fn is_sound(&self) -> bool {
        let modulus = self.n.as_str().and_then(|n| BASE64_URL_SAFE_NO_PAD.decode(n).ok());
        self.kty == "RSA"
            && self.usage == "sig"
            && self.e == "AQAB"
            && self.d.is_null()
            && self.alg.as_str().is_none_or(|alg| alg == "RS256")
            && modulus.is_some_and(|modulus| (256..=1025).contains(&modulus.len()))
    }
}
