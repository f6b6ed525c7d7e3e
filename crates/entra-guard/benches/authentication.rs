//! Measures the authentication of new, cached and refused tokens.
//!
//! `signature` is the signature check alone, the lower bound of verification. `jsonwebtoken` is a plain `decode` of the
//! same token.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use entra_guard::authentication::keys::{KeySet, Keys};
use entra_guard::authentication::{Authenticator, Expectations, VerifiedTokenSettings};
use entra_shared::azure_ad::{Authority, Instance, Version};
use entra_shared::ids::{ClientId, TenantId};
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

const INSTANCE: &str = "https://login.microsoftonline.com";
const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const API: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
const KEY_ID: &str = "2ZQpJ3UpbjAYXYGaXEJl8lV0TOI";

/// A key as Entra publishes it, which signs tokens.
struct Key {
    encoding: EncodingKey,
    jwk: Value,
}

impl Key {
    fn new() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let encoding = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        let jwk = serde_json::to_value(Jwk::from_encoding_key(&encoding, Algorithm::RS256).unwrap()).unwrap();
        let jwk = json!({
            "kty": "RSA", "use": "sig", "kid": KEY_ID, "n": jwk["n"], "e": jwk["e"],
            "issuer": format!("{INSTANCE}/{{tenantid}}/v2.0"),
        });
        Self { encoding, jwk }
    }

    fn component(&self, name: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(self.jwk[name].as_str().unwrap()).unwrap()
    }

    /// A token with the claims that Entra writes, at their usual length.
    fn token(&self, number: usize) -> String {
        let (now, subject) = (jiff::Timestamp::now().as_second(), "99f268b3-61d1-4536-bfd5-85f426e2146f");
        let claims = json!({
            "aud": API, "iss": format!("{INSTANCE}/{TENANT}/v2.0"), "iat": now - 300, "nbf": now - 300,
            "exp": now + 3600, "aio": "k2RgYDh/8KDjxYcHvmr1/LW7nVXFbDY0AQ", "idtyp": "app", "oid": subject,
            "azp": "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813", "azpacr": "1", "sub": subject, "tid": TENANT,
            "rh": "1.AREAHmwrjXpPOUyaUT4Me51PIMSj8LEubY9LihdSyeDT9qQ", "roles": ["Resource.Read"],
            "uti": format!("{number:022}"), "ver": "2.0",
            "xms_ftd": "IfBQuArMtXNH--anjdHnjDJCn-U2WkY54hJwcqpW_k8BbG9jYWwtZHNtcw",
        });
        let header = Header { kid: Some(KEY_ID.into()), ..Header::new(Algorithm::RS256) };
        jsonwebtoken::encode(&header, &claims, &self.encoding).unwrap()
    }

    fn authenticator(&self, capacity: u32) -> Authenticator {
        let authority =
            Authority::new(Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap(), None);
        let expectations = Expectations::new(authority, ClientId::parse(API).unwrap(), &[], &[Version::V2]);
        let keys = KeySet::parse(json!({ "keys": [self.jwk] }).to_string().as_bytes()).unwrap();
        Authenticator::new(expectations, Keys::fixed(keys), VerifiedTokenSettings { capacity })
    }
}

fn request(token: &str) -> HeaderMap {
    let value = HeaderValue::try_from(format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(header::AUTHORIZATION, value)])
}

/// With a known key the future never waits, so one poll is enough.
fn is_accepted(authenticator: &Authenticator, request: &HeaderMap) -> bool {
    let answer = pin!(authenticator.authenticate(black_box(request), None));
    match answer.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => black_box(answer).is_ok(),
        Poll::Pending => panic!("it waits"),
    }
}

fn verify(criterion: &mut Criterion) {
    let key = Key::new();
    let token = key.token(0);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut group = criterion.benchmark_group("cold");

    let (n, e) = (key.component("n"), key.component("e"));
    let parsed = RsaPublicKeyComponents { n: &n, e: &e };
    let parsed = parsed.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).unwrap();
    let decoded = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    group.bench_function("signature", |bencher| {
        bencher.iter(|| parsed.verify_sig(black_box(message.as_bytes()), &decoded).unwrap());
    });

    let authenticator = key.authenticator(0);
    let good = request(&token);
    assert!(is_accepted(&authenticator, &good));
    group.bench_function("verify", |bencher| bencher.iter(|| is_accepted(&authenticator, &good)));

    let forged = request(&format!("{message}.{}", Key::new().token(0).rsplit_once('.').unwrap().1));
    assert!(!is_accepted(&authenticator, &forged));
    group.bench_function("forged", |bencher| bencher.iter(|| is_accepted(&authenticator, &forged)));

    let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let unsigned = request(&format!("{unsigned}.{}", token.split_once('.').unwrap().1));
    assert!(!is_accepted(&authenticator, &unsigned));
    group.bench_function("alg none", |bencher| bencher.iter(|| is_accepted(&authenticator, &unsigned)));

    let decoding = DecodingKey::from_rsa_raw_components(&n, &e);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&[API]);
    validation.set_issuer(&[format!("{INSTANCE}/{TENANT}/v2.0")]);
    group.bench_function("jsonwebtoken", |bencher| {
        bencher.iter(|| jsonwebtoken::decode::<Value>(black_box(&token), &decoding, &validation).unwrap());
    });
}

fn recognise(criterion: &mut Criterion) {
    let key = Key::new();
    let mut group = criterion.benchmark_group("cached");
    for tokens in [1, 1000] {
        let authenticator = key.authenticator(10_000);
        let requests: Vec<_> = (0..tokens).map(|number| request(&key.token(number))).collect();
        assert!(requests.iter().all(|request| is_accepted(&authenticator, request)));
        let mut turn = requests.iter().cycle();
        group.bench_function(format!("{tokens} in turn"), |bencher| {
            bencher.iter(|| is_accepted(&authenticator, turn.next().unwrap()));
        });
        assert_eq!(authenticator.verified_tokens().misses, u64::try_from(tokens).unwrap());
    }
}

criterion_group!(benches, verify, recognise);
criterion_main!(benches);
