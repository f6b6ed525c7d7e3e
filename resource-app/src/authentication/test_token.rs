//! Tokens for this folder's tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData, RsaKeySize};
use serde_json::{Value, json};
use shared::azure_ad::{Authority, Instance, Version};
use shared::ids::{ClientId, TenantId};

use super::keys::{KeySet, Keys};
use super::token::VerifiedClaims;
use super::{Authenticator, Caller, Expectations, VerifiedTokenSettings};

pub(super) const HEADER: &str = r#"{"typ":"JWT","alg":"RS256","kid":"K1"}"#;
pub(super) const INSTANCE: &str = "https://login.example";
pub(super) const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
pub(super) const AUDIENCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
pub(super) const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
pub(super) const SUBJECT: &str = "99f268b3-61d1-4536-bfd5-85f426e2146f";

/// The time at which [`claims`] are valid, in seconds since 1970.
pub(super) const NOW: i64 = 1_754_480_000;

/// The claims of a v2.0 token for an app.
pub(super) fn claims() -> Value {
    json!({
        "aud": AUDIENCE, "iss": format!("{INSTANCE}/{TENANT}/v2.0"),
        "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 3600,
        "azp": CLIENT, "azpacr": "1", "idtyp": "app", "oid": SUBJECT, "roles": ["Resource.Read"],
        "sub": SUBJECT, "tid": TENANT, "uti": "uti", "ver": "2.0", "xms_new": { "a": [1] },
    })
}

/// The same claims as a v1.0 token has them.
pub(super) fn claims_v1() -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.remove("azp");
    members.remove("azpacr");
    members.insert("appid".into(), CLIENT.into());
    members.insert("appidacr".into(), "2".into());
    members.insert("aud".into(), format!("api://{AUDIENCE}").into());
    members.insert("iss".into(), format!("{INSTANCE}/{TENANT}/").into());
    members.insert("ver".into(), "1.0".into());
    claims
}

pub(super) fn segment(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A token in compact form with a signature of one byte.
pub(super) fn compact(header: &str, payload: &str) -> String {
    format!("{}.{}.AA", segment(header.as_bytes()), segment(payload.as_bytes()))
}

/// The caller that [`claims`] name.
pub(super) fn caller() -> Caller {
    Caller::new(VerifiedClaims::for_test(serde_json::from_value(claims()).unwrap())).unwrap()
}

/// Accepts tokens of both versions that these keys signed.
pub(super) fn authenticator(key_set: &Value) -> Authenticator {
    let authority =
        Authority::new(Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap(), None);
    let versions = [Version::V1, Version::V2];
    let expectations = Expectations::new(&authority, ClientId::parse(AUDIENCE).unwrap(), &[], &versions);
    let keys = Keys::fixed(KeySet::parse(key_set.to_string().as_bytes()).unwrap());
    Authenticator::new(expectations, keys, VerifiedTokenSettings { capacity: 10 })
}

/// A key that signs tokens.
pub(super) struct TestKey {
    encoding: EncodingKey,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

impl TestKey {
    pub(super) fn new() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let (modulus, exponent) = rsa_components(pair.der_bytes());
        let encoding = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { encoding, modulus, exponent }
    }

    /// The public half, as Entra publishes it.
    pub(super) fn jwk(&self, key_id: &str) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "kid": key_id, "x5t": key_id,
            "n": segment(&self.modulus), "e": segment(&self.exponent),
            "issuer": format!("{INSTANCE}/{{tenantid}}/v2.0"),
        })
    }

    pub(super) fn sign(&self, header: &str, claims: &Value) -> String {
        let message = format!("{}.{}", segment(header.as_bytes()), segment(claims.to_string().as_bytes()));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, Algorithm::RS256).unwrap();
        format!("{message}.{signature}")
    }
}

/// Reads `SEQUENCE { INTEGER n, INTEGER e }`, RFC 8017 appendix A.1.1.
fn rsa_components(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    fn value<'d>(der: &mut &'d [u8], tag: u8) -> &'d [u8] {
        assert_eq!(der[0], tag);
        let (length, header) = match der[1] {
            short @ 0..=0x7f => (usize::from(short), 2),
            0x81 => (usize::from(der[2]), 3),
            _ => (usize::from(der[2]) << 8 | usize::from(der[3]), 4),
        };
        let (value, rest) = der[header..].split_at(length);
        *der = rest;
        value
    }
    let mut outer = der;
    let mut sequence = value(&mut outer, 0x30);
    let integer = |der: &mut &[u8]| {
        let bytes = value(der, 0x02);
        bytes.strip_prefix(&[0]).unwrap_or(bytes).to_vec()
    };
    (integer(&mut sequence), integer(&mut sequence))
}
