//! The server's certificate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_rustls::TlsAcceptor;

use crate::InvalidSetting;

const CERTIFICATE_FILE: &str = "server.tls.certificate_file";
const PRIVATE_KEY_FILE: &str = "server.tls.private_key_file";

/// Section `[server.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// A PEM file: the server's certificate, then the intermediate certificates.
    pub certificate_file: PathBuf,
    /// A PEM file with the certificate's private key.
    pub private_key_file: PathBuf,
}

/// A certificate chain with its private key. `Debug` hides both.
pub struct ServerCertificate {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl ServerCertificate {
    /// Creates it from a chain, the server's own certificate first, and that certificate's key.
    #[must_use]
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// Reads both files.
    ///
    /// # Errors
    /// A file cannot be read, or holds no certificate or no key.
    pub fn read(settings: &TlsSettings) -> Result<Self, InvalidSetting> {
        let pem = read(CERTIFICATE_FILE, &settings.certificate_file)?;
        let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
            problem(CERTIFICATE_FILE, &settings.certificate_file, "holds no certificate in PEM")
        })?;
        let pem = read(PRIVATE_KEY_FILE, &settings.private_key_file)?;
        let key = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| {
            problem(PRIVATE_KEY_FILE, &settings.private_key_file, "holds no unencrypted private key in PEM")
        })?;
        Ok(Self { chain, key })
    }

    pub(super) fn acceptor(&self) -> Result<TlsAcceptor, InvalidSetting> {
        let unusable = |error: rustls::Error| InvalidSetting::new("server.tls", error.to_string());
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())
            .map_err(unusable)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate").finish_non_exhaustive()
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, InvalidSetting> {
    std::fs::read(path).map_err(|error| problem(key, path, &error.to_string()))
}

fn problem(key: &'static str, path: &Path, text: &str) -> InvalidSetting {
    InvalidSetting::new(key, format!("{}: {text}", path.display()))
}
