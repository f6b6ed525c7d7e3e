//! A certificate chain with its private key.

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::InvalidSetting;

/// A certificate chain with its private key. `Debug` hides both.
pub struct ServerCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// A certificate that the server presents to clients.
#[derive(Debug)]
pub(super) struct Presented {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) validity: Validity,
}

/// When a certificate is valid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Validity {
    not_before: ASN1Time,
    pub(super) not_after: ASN1Time,
}

impl ServerCertificate {
    /// Creates it from a chain, in any order, and the key of the server's own certificate.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// Finds the certificate of the key and orders those that issued it behind it, as TLS sends them.
    pub(super) fn presented(&self) -> Result<Presented, InvalidSetting> {
        let unusable = |problem: String| InvalidSetting::new("server.tls", problem);
        let provider = aws_lc_rs::default_provider();
        let key = provider
            .key_provider
            .load_private_key(self.key.clone_key())
            .map_err(|error| unusable(format!("the private key is unusable: {error}")))?;
        let parse = |certificate: &CertificateDer<'_>| {
            let parsed = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?.1;
            let validity = parsed.validity();
            let names = (parsed.subject().as_raw().to_vec(), parsed.issuer().as_raw().to_vec());
            Ok((names, Validity { not_before: validity.not_before, not_after: validity.not_after }))
        };
        let own = self.chain.iter().find(|certificate| {
            CertifiedKey::new(vec![CertificateDer::clone(certificate)], Arc::clone(&key)).keys_match().is_ok()
        });
        let own = own.ok_or_else(|| {
            unusable(
                "no certificate in `server.tls.certificate_file` has the public key of the private key"
                    .to_owned(),
            )
        })?;
        let unreadable = |error: String| unusable(format!("a certificate is unreadable: {error}"));
        let ((_, mut issuer), validity) = parse(own).map_err(unreadable)?;
        let mut chain = vec![own.clone()];
        let mut others = Vec::new();
        for certificate in self.chain.iter().filter(|certificate| *certificate != own) {
            others.push((parse(certificate).map_err(unreadable)?.0, certificate));
        }
        while let Some(next) = others.iter().position(|((subject, _), _)| *subject == issuer) {
            let ((_, further), certificate) = others.swap_remove(next);
            chain.push(certificate.clone());
            issuer = further;
        }
        Ok(Presented { key: Arc::new(CertifiedKey::new(chain, key)), validity })
    }
}

impl Validity {
    pub(super) fn days_to_expiry(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "seconds of any year are exact")]
        let seconds = (self.not_after.timestamp() - now()) as f64;
        seconds / 86_400.0
    }

    /// Returns what is wrong with it now.
    pub(super) fn fault(self) -> Option<String> {
        if self.not_after.timestamp() < now() {
            Some(format!("the server's certificate expired on {}", self.not_after))
        } else if self.not_before.timestamp() > now() {
            Some(format!("the server's certificate is not valid before {}", self.not_before))
        } else {
            None
        }
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").finish_non_exhaustive()
    }
}
