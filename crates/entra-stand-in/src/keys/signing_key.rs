//! A signing key with its published form.
//!
//! Tokens are not signed with jsonwebtoken: it serializes the header's members in its own order, and Entra's order is
//! part of what the stand-in reproduces. It would also parse the key again for each token.

use std::fmt;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use entra_shared::azure_ad::Version;
use entra_shared::settings::KeyProblem;
use jiff::ToSpan;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::certificates::set_validity;

/// The lifetime of a key's certificate in years, as at Entra.
const YEARS: i16 = 5;

/// An RSA-2048 key, parsed once. `Debug` shows only its id.
pub(crate) struct SigningKey {
    pair: RsaKeyPair,
    kid: String,
    modulus: String,
    exponent: String,
    certificate: String,
}

/// The hash and padding of a signature algorithm.
pub(crate) type Encoding = &'static dyn RsaEncoding;

/// Signing failed in the cryptographic library.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the token could not be signed")]
pub(crate) struct SigningFailed;

impl SigningKey {
    /// Generates a key and its self-signed certificate, both in PEM.
    pub(crate) fn generate() -> Result<String, KeyProblem> {
        let generate = || -> Result<String, rcgen::Error> {
            let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
            let mut params = CertificateParams::default();
            params.distinguished_name = rcgen::DistinguishedName::new();
            params.distinguished_name.push(DnType::CommonName, "accounts.stand-in.invalid");
            set_validity(&mut params, YEARS.years());
            Ok(format!("{}{}", key.serialize_pem(), params.self_signed(&key)?.pem()))
        };
        generate().map_err(|error| {
            KeyProblem::new("data.folder", format!("cannot generate a signing key: {error}"))
        })
    }

    /// Generates a key that is not stored. Takes some 100 ms.
    pub(super) fn make() -> Result<Self, KeyProblem> {
        let malformed = || KeyProblem::new("data.folder", "cannot generate a signing key");
        Self::parse(&Self::generate()?).ok_or_else(malformed)
    }

    /// Parses the output of [`Self::generate`].
    pub(crate) fn parse(pem: &str) -> Option<Self> {
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).ok()?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, parsed) = X509Certificate::from_der(&certificate).ok()?;
        let PublicKey::RSA(public) = parsed.public_key().parsed().ok()? else { return None };
        // DER writes a zero before a number whose first bit is set; JWK does not (RFC 7518 section 6.3.1.1).
        let number = |bytes: &[u8]| {
            let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            BASE64_URL_SAFE_NO_PAD.encode(bytes.get(start..).unwrap_or_default())
        };
        Some(Self {
            pair: RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()?,
            kid: BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &certificate)),
            modulus: number(public.modulus),
            exponent: number(public.exponent),
            certificate: BASE64_STANDARD.encode(&certificate),
        })
    }

    /// Returns the key id, which is also `x5t`. It is the SHA-1 thumbprint of the certificate in base64url.
    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Returns the modulus in base64url.
    pub(crate) fn modulus(&self) -> &str {
        &self.modulus
    }

    /// Returns the public exponent in base64url.
    pub(crate) fn exponent(&self) -> &str {
        &self.exponent
    }

    /// Returns the certificate's DER in base64.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// Signs claims as an access token of this version, with header members in Entra's order.
    pub(crate) fn sign(&self, version: Version, claims: &[u8]) -> Result<String, SigningFailed> {
        let kid = &self.kid;
        let header = match version {
            Version::V1 => format!(r#"{{"typ":"JWT","alg":"RS256","x5t":"{kid}","kid":"{kid}"}}"#),
            Version::V2 => format!(r#"{{"typ":"JWT","alg":"RS256","kid":"{kid}"}}"#),
        };
        // Base64 encodes three bytes as four characters.
        let bytes = header.len() + claims.len() + self.pair.public_modulus_len();
        let mut token = String::with_capacity(bytes * 4 / 3 + 8);
        BASE64_URL_SAFE_NO_PAD.encode_string(header, &mut token);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = self.signature(&RSA_PKCS1_SHA256, token.as_bytes())?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// Signs a message with any RSA signature algorithm.
    pub(crate) fn signature(&self, encoding: Encoding, message: &[u8]) -> Result<Vec<u8>, SigningFailed> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let signed = self.pair.sign(encoding, &SystemRandom::new(), message, &mut signature);
        signed.map(|()| signature).map_err(|_| SigningFailed)
    }

    /// Returns the key and its certificate in PEM, for [`Self::parse`].
    pub(super) fn to_pem(&self) -> Result<String, KeyProblem> {
        let private =
            self.private_key().map_err(|error| KeyProblem::new("data.folder", error.to_string()))?;
        let certificate = BASE64_STANDARD.decode(&self.certificate).unwrap_or_default();
        Ok(format!("{}{}", pem("PRIVATE KEY", private.as_ref()), pem("CERTIFICATE", &certificate)))
    }

    /// Returns the private key (PKCS #8).
    pub(crate) fn private_key(&self) -> Result<Pkcs8V1Der<'static>, SigningFailed> {
        self.pair.as_der().map_err(|_| SigningFailed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// Encodes PEM with lines of 64 characters (RFC 7468).
pub(super) fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = BASE64_STANDARD.encode(der);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(64));
        text.push_str(&rest);
        text.push('\n');
        rest = after;
    }
    format!("{text}-----END {label}-----\n")
}
