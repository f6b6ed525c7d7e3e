//! Checks that a token that passes as well-formed is so in every detail, and that changing its form makes it fail.
//!
//! Input with a line feed is a header and a payload to encode; other input is an encoded token.
#![no_main]

use std::collections::HashSet;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_guard::authentication::fuzzing::key_id;
use libfuzzer_sys::fuzz_target;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

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
    let header = Members::parse(&canonical(header));
    let payload = Members::parse(&canonical(payload));
    assert!(!canonical(signature).is_empty());
    assert_eq!(header.text("alg"), "RS256");
    assert_eq!(header.text("kid"), key_id);
    assert!(!key_id.is_empty() && key_id.len() <= 256);
    for member in ["crit", "b64", "zip", "enc", "cty", "epk", "p2c"] {
        assert!(header.find(member).is_none(), "{member}");
    }
    assert!(payload.find("cnf").is_none());
    for claim in ["aud", "iss", "sub"] {
        payload.text(claim);
    }
}

/// The members of a JSON object without duplicates, with their raw values.
///
/// Not `serde_json::Value`, which misreads some objects and fails for numbers that are too large.
struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    fn parse(json: &[u8]) -> Self {
        let members: Self = serde_json::from_slice(json).expect("a JSON object");
        let names: HashSet<_> = members.0.iter().map(|(name, _)| name).collect();
        assert_eq!(names.len(), members.0.len(), "a repeated member");
        members
    }

    fn find(&self, name: &str) -> Option<&RawValue> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, value)| &**value)
    }

    fn text(&self, name: &str) -> String {
        let value = self.find(name).expect("the member");
        serde_json::from_str(value.get()).expect("a text")
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self(Vec::new()))
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self, A::Error> {
        while let Some(member) = map.next_entry()? {
            self.0.push(member);
        }
        Ok(self)
    }
}

/// Decodes a segment, and asserts that it is the canonical encoding.
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
