//! The public key in all encodings that have been confused with an HMAC secret.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use x509_parser::prelude::{FromDer, X509Certificate};

use super::signing_key::{SigningKey, pem};

impl SigningKey {
    /// Returns encodings of the public key with their names.
    ///
    /// A verifier that trusts the token's `alg` and holds the key as text would use one of them as the HMAC secret.
    pub(crate) fn public_encodings(&self) -> Vec<(&'static str, Vec<u8>)> {
        let certificate = BASE64_STANDARD.decode(self.certificate()).unwrap_or_default();
        let (spki, pkcs1) = match X509Certificate::from_der(&certificate) {
            Ok((_, parsed)) => {
                let key = parsed.public_key();
                (key.raw.to_vec(), key.subject_public_key.data.to_vec())
            }
            Err(_) => (Vec::new(), Vec::new()),
        };
        let modulus = BASE64_URL_SAFE_NO_PAD.decode(self.modulus()).unwrap_or_default();
        let jwk = format!(r#"{{"kty":"RSA","n":"{}","e":"{}"}}"#, self.modulus(), self.exponent());
        let spki_pem = pem("PUBLIC KEY", &spki);
        vec![
            ("SPKI in PEM without the last line feed", spki_pem.trim_end().as_bytes().to_vec()),
            ("SPKI in PEM", spki_pem.into_bytes()),
            ("PKCS #1 in PEM", pem("RSA PUBLIC KEY", &pkcs1).into_bytes()),
            ("SPKI in DER", spki),
            ("PKCS #1 in DER", pkcs1),
            ("the modulus", modulus),
            ("the JWK", jwk.into_bytes()),
            ("the certificate in PEM", pem("CERTIFICATE", &certificate).into_bytes()),
            ("the certificate as in x5c", self.certificate().as_bytes().to_vec()),
        ]
    }
}
