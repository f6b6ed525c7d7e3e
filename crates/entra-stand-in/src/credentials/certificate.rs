//! Certificates whose keys sign client assertions.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::assertion::{Header, base64_of_any_kind, hex};
use super::rsa::RsaKey;

/// A certificate registered for an app, with public key, thumbprints and validity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(super) key: RsaKey,
    pub(super) start: Timestamp,
    pub(super) end: Timestamp,
    sha1: Vec<u8>,
    sha256: Vec<u8>,
    key_id: Option<Uuid>,
}

/// The bytes are not a usable certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the DER of an X.509 certificate with an RSA key of 2048 to 8192 bits")]
pub(crate) struct InvalidCertificate;

impl Certificate {
    /// Parses a certificate, valid from its `notBefore` until its `notAfter`.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, InvalidCertificate> {
        let (rest, certificate) = X509Certificate::from_der(der).map_err(|_| InvalidCertificate)?;
        let Ok(PublicKey::RSA(public)) = certificate.public_key().parsed() else {
            return Err(InvalidCertificate);
        };
        let key = RsaKey::new(public.modulus, public.exponent).ok_or(InvalidCertificate)?;
        let time = |second| Timestamp::from_second(second).map_err(|_| InvalidCertificate);
        let validity = certificate.validity();
        if !rest.is_empty() {
            return Err(InvalidCertificate);
        }
        Ok(Self {
            key,
            start: time(validity.not_before.timestamp())?,
            end: time(validity.not_after.timestamp())?,
            sha1: digest(&SHA1_FOR_LEGACY_USE_ONLY, der).as_ref().to_vec(),
            sha256: digest(&SHA256, der).as_ref().to_vec(),
            key_id: None,
        })
    }

    /// Sets the registration's key id, which a `kid` may name.
    #[must_use]
    pub(crate) fn with_key_id(mut self, key_id: Uuid) -> Self {
        self.key_id = Some(key_id);
        self
    }

    /// Narrows the validity to the registration's start and end.
    #[must_use]
    pub(crate) fn within(mut self, start: Timestamp, end: Timestamp) -> Self {
        self.start = self.start.max(start);
        self.end = self.end.min(end);
        self
    }

    /// Returns whether it is the same certificate.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
    }

    /// Returns whether an assertion's header names this certificate. All thumbprints in the header must match.
    pub(super) fn is_named_by(&self, header: &Header) -> bool {
        let is = |thumbprint: &[u8], text: &str| base64_of_any_kind(text).is_some_and(|b| b == thumbprint);
        let sha1 = header.x5t.as_deref().map(|text| is(&self.sha1, text));
        let sha256 = header.x5t_s256.as_deref().map(|text| is(&self.sha256, text));
        match (sha1, sha256) {
            (None, None) => header.kid.as_deref().is_some_and(|kid| {
                is(&self.sha1, kid)
                    || is(&self.sha256, kid)
                    || kid.eq_ignore_ascii_case(&hex(&self.sha1))
                    || self.key_id.is_some_and(|id| kid.eq_ignore_ascii_case(&id.to_string()))
            }),
            (sha1, sha256) => sha1.unwrap_or(true) && sha256.unwrap_or(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_rsa_certificate_is_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let elliptic = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        for der in [&[][..], b"canary", &[0x30, 0x82], elliptic.der()] {
            assert_eq!(Certificate::from_der(der).unwrap_err(), InvalidCertificate);
        }
    }
}
