//! Only RSA keys of a sound size that are published under one name are admitted, whatever stands beside them.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use resource_app::authentication::keys::KeySet;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Ok(set) = KeySet::parse(bytes) else { return };
    let document: Value = serde_json::from_slice(bytes).expect("JSON");
    let keys = document["keys"].as_array().expect("a list of keys");
    assert!((1..=keys.len()).contains(&set.len()));
    let mut found = 0;
    for (index, key) in keys.iter().enumerate() {
        let Some(name) = key["kid"].as_str() else { continue };
        let is_first = keys[..index].iter().all(|earlier| earlier["kid"] != name);
        if is_first && set.find(name).is_some() {
            found += 1;
            let same = keys.iter().filter(|key| key["kid"] == name);
            assert!(same.clone().any(is_sound), "{name}");
        }
    }
    assert_eq!(found, set.len());
});

fn is_sound(key: &Value) -> bool {
    let modulus = key["n"].as_str().and_then(|n| BASE64_URL_SAFE_NO_PAD.decode(n).ok());
    key["kty"] == "RSA"
        && key["use"] == "sig"
        && key["e"] == "AQAB"
        && key.get("d").is_none_or(Value::is_null)
        && key["alg"].as_str().is_none_or(|alg| alg == "RS256")
        && modulus.is_some_and(|modulus| (256..=1025).contains(&modulus.len()))
}
