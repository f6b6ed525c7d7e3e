//! A private key with its certificate.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::EncodingKey;

use super::private_key::PrivateKey;
use super::x509::Certificate;
use crate::credential::CredentialProblem;

/// A signing key with its certificate chain. `Debug` hides the key.
pub(super) struct SigningCertificate {
    pub(super) key: EncodingKey,
    /// The certificates in DER, beginning with that of the key.
    chain: Vec<Vec<u8>>,
    not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

impl SigningCertificate {
    /// Finds the key's certificate and its issuers among `certificates`.
    pub(super) fn new(key: PrivateKey, certificates: &[Vec<u8>]) -> Result<Self, CredentialProblem> {
        let parsed: Vec<Certificate<'_>> =
            certificates.iter().map(|der| Certificate::parse(der)).collect::<Result<_, _>>()?;
        let mut fitting = parsed.iter().filter(|parsed| parsed.public_key == key.public);
        let own = match (fitting.next(), fitting.next()) {
            (Some(own), None) => own,
            (Some(_), Some(_)) => return Err(CredentialProblem::SeveralCertificates),
            (None, _) if parsed.is_empty() => return Err(CredentialProblem::NoCertificate),
            (None, _) => return Err(CredentialProblem::Mismatch),
        };
        Ok(Self {
            not_before: own.not_before,
            not_after: own.not_after,
            chain: chain(own, &parsed),
            key: key.signing,
        })
    }

    pub(super) fn check_validity(&self, now: Timestamp) -> Result<(), CredentialProblem> {
        if now < self.not_before {
            return Err(CredentialProblem::NotYetValid(self.not_before));
        }
        if now >= self.not_after { Err(CredentialProblem::Expired(self.not_after)) } else { Ok(()) }
    }

    /// Returns the `x5c` header (RFC 7515 section 4.1.6), in base64 rather than base64url.
    pub(super) fn x5c(&self) -> Vec<String> {
        self.chain.iter().map(|der| BASE64_STANDARD.encode(der)).collect()
    }

    /// Returns the `x5t#S256` or `x5t` header (RFC 7515 sections 4.1.8 and 4.1.7).
    pub(super) fn thumbprint(&self, algorithm: &'static digest::Algorithm) -> String {
        let own = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        BASE64_URL_SAFE_NO_PAD.encode(digest::digest(algorithm, own))
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCertificate").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// Returns the chain from the key's certificate upwards, by issuer names. The authority verifies the signatures.
fn chain(own: &Certificate<'_>, all: &[Certificate<'_>]) -> Vec<Vec<u8>> {
    let mut chain = vec![own];
    while let Some(last) = chain.last() {
        let next = all
            .iter()
            .find(|parsed| parsed.subject == last.issuer && !chain.iter().any(|link| link.der == parsed.der));
        let Some(next) = next else { break };
        chain.push(next);
    }
    chain.into_iter().map(|link| link.der.to_vec()).collect()
}
