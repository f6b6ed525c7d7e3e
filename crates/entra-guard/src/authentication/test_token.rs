//! Tokens for this folder's tests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_shared::azure_ad::{Authority, Instance, Version};
use entra_shared::ids::{ClientId, TenantId};
use jsonwebtoken::{Algorithm, EncodingKey};
use num_bigint::BigUint;
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

use super::keys::{KeySet, Keys};
use super::token::VerifiedClaims;
use super::{Authenticator, Caller, Expectations, VerifiedTokenSettings};

pub(crate) const HEADER: &str = r#"{"typ":"JWT","alg":"RS256","kid":"K1"}"#;
pub(crate) const INSTANCE: &str = "https://login.example";
pub(crate) const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
pub(crate) const AUDIENCE: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";
pub(crate) const CLIENT: &str = "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813";
pub(crate) const SUBJECT: &str = "99f268b3-61d1-4536-bfd5-85f426e2146f";

/// The time at which [`claims`] are valid, in seconds since 1970.
pub(crate) const NOW: i64 = 1_754_480_000;

/// Returns the claims of a v2.0 token of an app.
pub(crate) fn claims() -> Value {
    json!({
        "aud": AUDIENCE, "iss": format!("{INSTANCE}/{TENANT}/v2.0"),
        "iat": NOW - 300, "nbf": NOW - 300, "exp": NOW + 3600,
        "azp": CLIENT, "azpacr": "1", "idtyp": "app", "oid": SUBJECT, "roles": ["Resource.Read"],
        "sub": SUBJECT, "tid": TENANT, "uti": "uti", "ver": "2.0", "xms_new": { "a": [1] },
    })
}

/// Returns the same claims in a v1.0 token.
pub(crate) fn claims_v1() -> Value {
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

pub(crate) fn segment(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Returns a token in compact form with a signature of one byte.
pub(crate) fn compact(header: &str, payload: &str) -> String {
    format!("{}.{}.AA", segment(header.as_bytes()), segment(payload.as_bytes()))
}

/// Returns the caller that [`claims`] name.
pub(crate) fn caller() -> Caller {
    Caller::new(VerifiedClaims::for_test(serde_json::from_value(claims()).unwrap())).unwrap()
}

/// Creates an authenticator that accepts tokens of both versions signed with these keys.
pub(crate) fn authenticator(key_set: &Value) -> Authenticator {
    authenticator_with(Keys::fixed(KeySet::parse(key_set.to_string().as_bytes()).unwrap()))
}

/// Creates an authenticator that accepts tokens of both versions signed with any of these keys.
pub(crate) fn authenticator_with(keys: Keys) -> Authenticator {
    let authority =
        Authority::new(Instance::parse(INSTANCE).unwrap(), TenantId::parse(TENANT).unwrap(), None);
    let versions = [Version::V1, Version::V2];
    let expectations = Expectations::new(authority, ClientId::parse(AUDIENCE).unwrap(), &[], &versions);
    Authenticator::new(expectations, keys, VerifiedTokenSettings { capacity: 10 })
}

/// A key that signs tokens.
pub(crate) struct TestKey {
    encoding: EncodingKey,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    private_exponent: BigUint,
}

impl TestKey {
    pub(crate) fn new() -> Self {
        let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let [modulus, exponent, private_exponent] = rsa_components(&pair.serialize_der());
        let encoding = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { encoding, modulus, exponent, private_exponent: BigUint::from_bytes_be(&private_exponent) }
    }

    /// Returns the public half, as Entra publishes it.
    pub(crate) fn jwk(&self, key_id: &str) -> Value {
        json!({
            "kty": "RSA", "use": "sig", "kid": key_id, "x5t": key_id,
            "n": segment(&self.modulus), "e": segment(&self.exponent),
            "issuer": format!("{INSTANCE}/{{tenantid}}/v2.0"),
        })
    }

    pub(crate) fn sign(&self, header: &str, claims: &Value) -> String {
        let payload = segment(claims.to_string().as_bytes());
        self.sign_segments(&segment(header.as_bytes()), &payload, Algorithm::RS256)
    }

    /// Signs segments that need not be base64url.
    pub(crate) fn sign_segments(&self, header: &str, payload: &str, algorithm: Algorithm) -> String {
        let message = format!("{header}.{payload}");
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.encoding, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// Signs these bytes without padding (RSASP1, RFC 8017 section 5.2.1).
    pub(crate) fn sign_raw(&self, encoded: &[u8]) -> Vec<u8> {
        let signature = BigUint::from_bytes_be(encoded).modpow(&self.private_exponent, &self.modulus());
        let bytes = signature.to_bytes_be();
        [vec![0; self.modulus.len() - bytes.len()], bytes].concat()
    }

    pub(crate) fn modulus(&self) -> BigUint {
        BigUint::from_bytes_be(&self.modulus)
    }
}

/// Reads `RSAPrivateKey { version, n, e, d, .. }` (RFC 8017 appendix A.1.2) in a PKCS #8 document (RFC 5208).
fn rsa_components(pkcs8: &[u8]) -> [Vec<u8>; 3] {
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
    let mut document = value(&mut { pkcs8 }, 0x30);
    let (_version, _algorithm) = (value(&mut document, 0x02), value(&mut document, 0x30));
    let mut key = value(&mut value(&mut document, 0x04), 0x30);
    let _version = value(&mut key, 0x02);
    [(); 3].map(|()| {
        let integer = value(&mut key, 0x02);
        integer.strip_prefix(&[0]).unwrap_or(integer).to_vec()
    })
}
