//! Keys and certificates of clients and issuers, and the assertions that they sign.

use std::sync::OnceLock;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self, RsaKeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd};
use serde_json::{Value, json};

/// An RSA key with certificates of its own.
pub(crate) struct Signer {
    key: KeyPair,
    pair: RsaKeyPair,
    der: Vec<u8>,
}

/// One of two signers, made once.
pub(crate) fn signer(index: usize) -> &'static Signer {
    static SIGNERS: OnceLock<[Signer; 2]> = OnceLock::new();
    &SIGNERS.get_or_init(|| [Signer::generate(), Signer::generate()])[index]
}

impl Signer {
    fn generate() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let pair = RsaKeyPair::from_pkcs8(&key.serialize_der()).unwrap();
        let der = certificate(&key, 2020, 2099);
        Self { key, pair, der }
    }

    /// The member of `keyCredentials` for its certificate.
    pub(crate) fn credential(&self) -> Value {
        credential(&self.der)
    }

    /// The same for another certificate of its key, with the header that names it.
    pub(crate) fn dated(&self, from: i32, until: i32) -> (Value, Value) {
        let der = certificate(&self.key, from, until);
        (credential(&der), json!({ "alg": "RS256", "x5t": thumbprint(&der) }))
    }

    /// The DER of its certificate.
    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// The SHA-1 thumbprint of its certificate.
    pub(crate) fn sha1(&self) -> Vec<u8> {
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref().to_vec()
    }

    /// The SHA-256 thumbprint of its certificate.
    pub(crate) fn sha256(&self) -> Vec<u8> {
        digest(&SHA256, &self.der).as_ref().to_vec()
    }

    /// Its public key as a JWK.
    pub(crate) fn jwk(&self, kid: &str) -> Value {
        let key = aws_lc_rs::signature::KeyPair::public_key(&self.pair);
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let (n, e) = (key.modulus(), key.exponent());
        let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
        json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": encode(n), "e": encode(e) })
    }

    /// A JWS of these parts, with the algorithm of the header; one that is not RSA's gets an RS256 signature.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        self.complete(&format!("{}.{}", encode(header), encode(claims)), header["alg"].as_str().unwrap())
    }

    /// The same with padded segments.
    pub(crate) fn sign_padded(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| base64::prelude::BASE64_URL_SAFE.encode(value.to_string());
        let token = format!("{}.{}", encode(header), encode(claims));
        self.complete(&token, header["alg"].as_str().unwrap()) + "=="
    }

    fn complete(&self, message: &str, algorithm: &str) -> String {
        let encoding: &dyn signature::RsaEncoding = match algorithm {
            "PS256" => &signature::RSA_PSS_SHA256,
            "RS384" => &signature::RSA_PKCS1_SHA384,
            "RS512" => &signature::RSA_PKCS1_SHA512,
            _ => &signature::RSA_PKCS1_SHA256,
        };
        let mut bytes = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut bytes).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// Hexadecimal in upper case, as the portal shows thumbprints.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02X}").unwrap();
        text
    })
}

fn certificate(key: &KeyPair, from: i32, until: i32) -> Vec<u8> {
    let mut params = CertificateParams::default();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(until, 1, 1));
    params.self_signed(key).unwrap().der().to_vec()
}

fn thumbprint(der: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der))
}

fn credential(der: &[u8]) -> Value {
    json!({
        "customKeyIdentifier": BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, der)),
        "displayName": "CN=test",
        "endDateTime": "2199-01-01T00:00:00Z",
        "key": BASE64_STANDARD.encode(der),
        "keyId": uuid::Uuid::from_u128(42),
        "startDateTime": "2000-01-01T00:00:00Z",
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}
