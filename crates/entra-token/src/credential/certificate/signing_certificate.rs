//! A private key with the certificate that belongs to it.

use std::fmt;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::super::CredentialProblem;
use super::Algorithm;

/// A key that signs, and its certificate with those that vouch for it. `Debug` hides the key.
pub(super) struct SigningCertificate {
    key: RsaKeyPair,
    /// DER, the key's own certificate first.
    chain: Vec<Vec<u8>>,
    not_before: Timestamp,
    not_after: Timestamp,
}

impl SigningCertificate {
    /// Finds the key's certificate among these, and those that vouch for it.
    pub(super) fn new(key: RsaKeyPair, certificates: &[Vec<u8>]) -> Result<Self, CredentialProblem> {
        let parsed: Vec<Parsed<'_>> =
            certificates.iter().map(|der| Parsed::read(der)).collect::<Result<_, _>>()?;
        let public_key = key.public_key().as_ref();
        let mut fitting = parsed
            .iter()
            .filter(|parsed| parsed.certificate.public_key().subject_public_key.data == public_key);
        let own = match (fitting.next(), fitting.next()) {
            (Some(own), None) => own,
            (Some(_), Some(_)) => return Err(CredentialProblem::SeveralCertificates),
            (None, _) if parsed.is_empty() => return Err(CredentialProblem::NoCertificate),
            (None, _) => return Err(CredentialProblem::Mismatch),
        };
        let time = |second| Timestamp::from_second(second).map_err(|_| CredentialProblem::NotACertificate);
        let validity = own.certificate.validity();
        Ok(Self {
            not_before: time(validity.not_before.timestamp())?,
            not_after: time(validity.not_after.timestamp())?,
            chain: chain(own, &parsed),
            key,
        })
    }

    pub(super) fn not_after(&self) -> Timestamp {
        self.not_after
    }

    pub(super) fn check_validity(&self, now: Timestamp) -> Result<(), CredentialProblem> {
        if now < self.not_before {
            return Err(CredentialProblem::NotYetValid(self.not_before));
        }
        if now >= self.not_after { Err(CredentialProblem::Expired(self.not_after)) } else { Ok(()) }
    }

    /// `x5t#S256` (RFC 7515 section 4.1.8).
    pub(super) fn sha256(&self) -> String {
        self.thumbprint(&SHA256)
    }

    /// `x5t` (RFC 7515 section 4.1.7).
    pub(super) fn sha1(&self) -> String {
        self.thumbprint(&SHA1_FOR_LEGACY_USE_ONLY)
    }

    /// `x5c` (RFC 7515 section 4.1.6): base64, not base64url.
    pub(super) fn x5c(&self) -> Vec<String> {
        self.chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect()
    }

    /// The signature of a message.
    pub(super) fn sign(&self, algorithm: Algorithm, message: &str) -> Result<Vec<u8>, CredentialProblem> {
        let encoding: &dyn RsaEncoding = match algorithm {
            Algorithm::Ps256 => &RSA_PSS_SHA256,
            Algorithm::Rs256 => &RSA_PKCS1_SHA256,
        };
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .map_err(|_| CredentialProblem::Signing)?;
        Ok(signature)
    }

    fn thumbprint(&self, algorithm: &'static digest::Algorithm) -> String {
        let own = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(algorithm, own))
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCertificate").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// A certificate with its bytes.
struct Parsed<'a> {
    der: &'a [u8],
    certificate: X509Certificate<'a>,
}

impl<'a> Parsed<'a> {
    fn read(der: &'a [u8]) -> Result<Self, CredentialProblem> {
        match X509Certificate::from_der(der) {
            Ok(([], certificate)) => Ok(Self { der, certificate }),
            _ => Err(CredentialProblem::NotACertificate),
        }
    }
}

/// From the key's own certificate upwards, by the names of issuers; whoever reads it checks the signatures.
fn chain(own: &Parsed<'_>, all: &[Parsed<'_>]) -> Vec<Vec<u8>> {
    let mut chain = vec![own];
    while let Some(last) = chain.last() {
        let issuer = last.certificate.issuer().as_raw();
        let next = all.iter().find(|parsed| {
            parsed.certificate.subject().as_raw() == issuer
                && !chain.iter().any(|link| link.der == parsed.der)
        });
        let Some(next) = next else { break };
        chain.push(next);
    }
    chain.into_iter().map(|link| link.der.to_vec()).collect()
}
