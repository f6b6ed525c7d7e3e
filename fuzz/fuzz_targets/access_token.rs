//! A token that is found well formed is so in every detail, and one changed in its form is not.
//!
//! Bytes with a line feed are a header and a payload to be encoded; others are a token as it is sent.
#![no_main]

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use resource_app::authentication::fuzzing::key_id;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let token = match bytes.iter().position(|&byte| byte == b'\n') {
        Some(end) => {
            let encode = |part| BASE64_URL_SAFE_NO_PAD.encode(part);
            format!("{}.{}.AA", encode(&bytes[..end]), encode(&bytes[end + 1..]))
        }
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    if let Some(key_id) = key_id(&token) {
        is_well_formed(&token, &key_id);
        is_refused_when_changed(&token);
    }
});

fn is_well_formed(token: &str, key_id: &str) {
    assert!(token.len() <= 16 * 1024);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("{} parts", parts.len()) };
    let header: Value = serde_json::from_slice(&canonical(header)).expect("a header in JSON");
    let payload: Value = serde_json::from_slice(&canonical(payload)).expect("claims in JSON");
    assert!(!canonical(signature).is_empty());
    assert_eq!(header["alg"], "RS256");
    assert_eq!(header["kid"], key_id);
    assert!(!key_id.is_empty() && key_id.len() <= 256);
    for member in ["crit", "b64", "zip", "enc", "cty", "epk", "p2c"] {
        assert!(header.get(member).is_none(), "{member}");
    }
    assert!(payload.is_object() && payload.get("cnf").is_none());
}

/// What the only encoding of these bytes says.
fn canonical(segment: &str) -> Vec<u8> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(segment).expect("base64url");
    assert_eq!(BASE64_URL_SAFE_NO_PAD.encode(&bytes), segment);
    bytes
}

fn is_refused_when_changed(token: &str) {
    let dot = token.find('.').expect("a dot");
    let (header, rest) = token.split_at(dot);
    for changed in [
        format!("{token}="),
        format!("{token}."),
        format!("{token}.AA"),
        format!(".{token}"),
        format!("{header}={rest}"),
        format!("{header}\n{rest}"),
        format!("{header}.{rest}"),
        rest.to_owned(),
        token.replace('.', ""),
        token[..token.rfind('.').expect("a dot") + 1].to_owned(),
    ] {
        assert_eq!(key_id(&changed), None, "{changed}");
    }
}
