//! Checks that only RSA keys of a sound size and with a unique key id are admitted, whatever else the set contains.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_guard::authentication::keys::KeySet;
use entra_shared::json::Object;
use libfuzzer_sys::fuzz_target;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = KeySet::parse(bytes) else { return };
    let Object(document): Object<Document> = serde_json::from_slice(bytes).expect("a list of keys");
    assert!((1..=document.keys.len()).contains(&set.len()));
    // A key with an unreadable member is not admitted, and a key that is no object has no id.
    let keys: Vec<Key> = document
        .keys
        .iter()
        .filter_map(|key| serde_json::from_str(key.get()).ok().map(|Object(key)| key))
        .collect();
    let mut found = 0;
    for (index, key) in keys.iter().enumerate() {
        let Some(name) = &key.kid else { continue };
        let has_name = |key: &&Key| key.kid.as_ref() == Some(name);
        if !keys[..index].iter().any(|earlier| has_name(&earlier)) && set.find(name).is_some() {
            found += 1;
            assert!(keys.iter().filter(has_name).any(Key::is_sound), "{name}");
        }
    }
    assert_eq!(found, set.len());
});

/// The members that decide. Both the set and this skip other members without reading them, so that those may hold half of
/// a surrogate pair, or endlessly nested lists.
#[derive(Deserialize)]
struct Document<'d> {
    #[serde(borrow)]
    keys: Vec<&'d RawValue>,
}

/// Deserialized by type, since `serde_json::Value` misreads some objects. A member of another type is an error here and in
/// the set.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Key {
    kty: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Key {
    fn is_sound(&self) -> bool {
        let modulus = self.n.as_ref().and_then(|n| BASE64_URL_SAFE_NO_PAD.decode(n).ok());
        let private = [self.d, self.p, self.q, self.dp, self.dq, self.qi, self.oth, self.k];
        self.kty.as_deref() == Some("RSA")
            && self.usage.as_deref() == Some("sig")
            && self.e.as_deref() == Some("AQAB")
            && self.alg.as_deref().is_none_or(|alg| alg == "RS256")
            && private.iter().all(Option::is_none)
            && modulus.is_some_and(|modulus| (256..=1024).contains(&modulus.len()))
    }
}
