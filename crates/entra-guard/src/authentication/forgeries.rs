//! Random changes to a good token, none of which may be accepted.
//!
//! The good token is verified first, so that it is cached when the forgeries arrive.

use std::sync::{Arc, OnceLock};

use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::error::AuthenticationError;
use super::test_token::{HEADER, NOW, TestKey, authenticator, claims, segment};
use super::{Authenticator, Caller};

/// An API, the key that it trusts, and a token that it accepts.
struct World {
    runtime: Runtime,
    authenticator: Authenticator,
    key: TestKey,
    good: String,
}

impl World {
    fn shared() -> &'static Self {
        static WORLD: OnceLock<World> = OnceLock::new();
        WORLD.get_or_init(|| {
            let key = TestKey::new();
            let runtime = Builder::new_current_thread().enable_time().build().unwrap();
            let key_set = json!({ "keys": [key.jwk("K1"), TestKey::new().jwk("K2")] });
            let authenticator = runtime.block_on(async { authenticator(&key_set) });
            let good = key.sign(HEADER, &claims());
            World { runtime, authenticator, key, good }
        })
    }

    /// Sends these bytes after `Bearer ` and returns the result; `None` if a header cannot contain them.
    fn send(&self, token: &[u8]) -> Option<Result<Arc<Caller>, AuthenticationError>> {
        let value = HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok()?;
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        Some(self.runtime.block_on(self.authenticator.authenticate_at(&headers, None, NOW)))
    }

    /// Asserts that the good token is accepted, and that this token is refused unless it is the good one.
    fn assert_refused(&self, token: &[u8]) {
        // White space around a header's value is not part of it (RFC 9110 section 5.5).
        if token.trim_ascii() == self.good.as_bytes() {
            return;
        }
        let accepted = matches!(self.send(token), Some(Ok(_)));
        assert!(!accepted, "{}", String::from_utf8_lossy(token));
    }

    fn assert_good_is_accepted(&self) {
        self.send(self.good.as_bytes()).unwrap().unwrap();
    }
}

#[test]
fn a_token_with_any_bit_changed_is_refused() {
    let world = World::shared();
    world.assert_good_is_accepted();
    let mut token = world.good.clone().into_bytes();
    for place in 0..token.len() {
        for bit in 0..8 {
            token[place] ^= 1 << bit;
            world.assert_refused(&token);
            token[place] ^= 1 << bit;
        }
    }
    world.assert_good_is_accepted();
}

#[test]
fn a_token_with_anything_cut_out_or_put_in_is_refused() {
    let world = World::shared();
    world.assert_good_is_accepted();
    let good = world.good.as_bytes();
    for place in 0..good.len() {
        let (before, after) = good.split_at(place);
        world.assert_refused(before);
        world.assert_refused(after.get(1..).unwrap());
        world.assert_refused(&[before, &after[1..]].concat());
        // Two characters exchanged.
        let exchanged = [&after[1..2.min(after.len())], &after[..1], &after[2.min(after.len())..]].concat();
        if exchanged != after {
            world.assert_refused(&[before, &exchanged].concat());
        }
        for inserted in [&b"A"[..], b".", b"=", b" ", b"\t", b"-", b"%20", b"..", &after[..1], good] {
            let token = [before, inserted, after].concat();
            world.assert_refused(&token);
        }
    }
    world.assert_good_is_accepted();
}

#[test]
fn segments_of_good_tokens_in_any_other_combination_are_refused() {
    let world = World::shared();
    let mut more = claims();
    more["roles"] = json!(["Resource.Read", "Resource.Write"]);
    let other = world.key.sign(&HEADER.replace("JWT", "at+jwt"), &more);
    world.send(other.as_bytes()).unwrap().unwrap();
    let segments: Vec<_> = world.good.split('.').chain(other.split('.')).chain([""]).collect();
    for one in &segments {
        for two in &segments {
            for three in &segments {
                let token = [*one, *two, *three].join(".");
                if token != other {
                    world.assert_refused(token.as_bytes());
                }
            }
            world.assert_refused(format!("{one}.{two}").as_bytes());
            world.assert_refused(format!("{}.{one}.{two}", world.good).as_bytes());
        }
    }
}

/// Arbitrary JSON of limited depth.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Meaningful and arbitrary strings.
fn header_value() -> impl Strategy<Value = Value> {
    const KNOWN: [&str; 10] =
        ["RS256", "none", "HS256", "PS256", "K1", "K2", "JWT", "at+jwt", "dpop+jwt", ""];
    prop_oneof![prop::sample::select(&KNOWN[..]).prop_map(Value::from), json_value()]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_bytes_in_place_of_a_token_are_refused(token in prop::collection::vec(any::<u8>(), 0..600)) {
        World::shared().assert_refused(&token);
    }

    #[test]
    fn any_json_in_place_of_a_header_or_payload_is_refused(header in json_value(), payload in json_value()) {
        let world = World::shared();
        let signature = world.good.rsplit('.').next().unwrap();
        let segments = [segment(header.to_string().as_bytes()), segment(payload.to_string().as_bytes())];
        let [header, payload] = &segments;
        world.assert_refused(format!("{header}.{payload}.{signature}").as_bytes());
        let good_header = segment(HEADER.as_bytes());
        world.assert_refused(format!("{good_header}.{payload}.{signature}").as_bytes());
    }

    /// The header is signed with the right key, so that only its content can cause a refusal.
    #[test]
    fn a_signed_header_is_accepted_only_as_entra_writes_it(
        alg in prop_oneof![3 => Just(json!("RS256")), 1 => header_value()],
        kid in prop_oneof![3 => Just(json!("K1")), 1 => header_value()],
        typ in prop_oneof![2 => Just(json!("JWT")), 1 => header_value()],
        extra in prop::option::of((
            prop::sample::select(&["crit", "b64", "zip", "enc", "cty", "epk", "p2c", "jwk", "jku", "x5c", "new"][..]),
            header_value(),
        )),
    ) {
        let world = World::shared();
        let mut members = json!({ "alg": alg, "kid": kid, "typ": typ });
        let mut fine = alg == "RS256" && kid == "K1" && (typ == "JWT" || typ == "at+jwt");
        if let Some((name, value)) = extra {
            members[name] = value;
            fine &= ["jwk", "jku", "x5c", "new"].contains(&name);
        }
        let sent = world.send(world.key.sign(&members.to_string(), &claims()).as_bytes());
        prop_assert_eq!(matches!(sent, Some(Ok(_))), fine, "{}", members);
    }

    /// The claims are signed with the right key, so that only their content can cause a refusal.
    #[test]
    fn a_signed_token_with_another_value_in_a_claim_that_decides_is_refused(
        claim in prop::sample::select(&["aud", "iss", "tid", "ver", "azp", "oid", "sub", "idtyp", "scp", "cnf"][..]),
        value in json_value(),
    ) {
        let mut changed = claims();
        let same_meaning = match claim {
            "idtyp" => value.is_null(),
            "scp" => value.is_null() || value == "" || value == "/",
            _ => false,
        };
        if claim == "sub" {
            // It decides only if nothing else tells that the subject is an app.
            changed["idtyp"] = Value::Null;
        }
        changed[claim] = value;
        let sent = World::shared().send(World::shared().key.sign(HEADER, &changed).as_bytes());
        prop_assert_eq!(matches!(sent, Some(Ok(_))), same_meaning, "{}", changed);
    }

    #[test]
    fn a_signed_token_is_accepted_only_at_plausible_times(
        iat in NOW - 200_000..NOW + 2_000,
        nbf in NOW - 200_000..NOW + 2_000,
        life in -2_000_i64..150_000,
    ) {
        let exp = iat.saturating_add(life);
        let mut changed = claims();
        (changed["iat"], changed["nbf"], changed["exp"]) = (json!(iat), json!(nbf), json!(exp));
        let sent = World::shared().send(World::shared().key.sign(HEADER, &changed).as_bytes());
        let (start, latest) = (iat.min(nbf), iat.max(nbf));
        let plausible = latest <= exp && exp - start <= 28 * 3600;
        let current = latest <= NOW + 60 && NOW < exp + 60;
        prop_assert_eq!(matches!(sent, Some(Ok(_))), plausible && current, "{}", changed);
    }
}
