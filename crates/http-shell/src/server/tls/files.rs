//! The files of the server's certificate.

use std::fmt;
use std::path::Path;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsSettings;
use super::certificate::{Presented, ServerCertificate};
use crate::InvalidSetting;

const CERTIFICATE_FILE: &str = "server.tls.certificate_file";
const PRIVATE_KEY_FILE: &str = "server.tls.private_key_file";

/// The certificate's file and the key's file, with the contents that were read last.
#[derive(Clone)]
pub(super) struct Files {
    settings: TlsSettings,
    contents: Contents,
    /// The problem that was reported last.
    reported: Option<InvalidSetting>,
}

#[derive(Clone, PartialEq, Eq)]
struct Contents {
    certificate: Vec<u8>,
    private_key: Vec<u8>,
}

impl Files {
    /// Reads both files for the first time.
    pub(super) fn read(settings: &TlsSettings) -> Result<(Self, ServerCertificate), InvalidSetting> {
        let contents = Contents::read(settings)?;
        let certificate = contents.certificate(settings)?;
        Ok((Self { settings: settings.clone(), contents, reported: None }, certificate))
    }

    /// Returns the certificate if the files have changed and hold a usable one.
    ///
    /// Otherwise the earlier certificate stays in use, since the files may be half-written. A problem is logged once.
    pub(super) async fn changed(&mut self) -> Option<Presented> {
        let settings = self.settings.clone();
        // Off this thread, since a network file system may block.
        let read = tokio::task::spawn_blocking(move || Contents::read(&settings)).await.ok()?;
        let changed = read.and_then(|contents| {
            if contents == self.contents {
                return Ok(None);
            }
            let presented = contents.certificate(&self.settings)?.presented()?;
            Ok(Some((contents, presented)))
        });
        match changed {
            Ok(Some((contents, presented))) => {
                self.contents = contents;
                self.reported = None;
                Some(presented)
            }
            Ok(None) => {
                self.reported = None;
                None
            }
            Err(problem) => {
                if self.reported.as_ref() != Some(&problem) {
                    tracing::error!(error = %problem, "the server's certificate was not replaced");
                    self.reported = Some(problem);
                }
                None
            }
        }
    }
}

impl Contents {
    fn read(settings: &TlsSettings) -> Result<Self, InvalidSetting> {
        let read = |key, path: &Path| {
            let bytes = std::fs::read(path).map_err(|error| problem(key, path, &error.to_string()))?;
            // The parser of PEM does not know a byte order mark.
            Ok(bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes))
        };
        Ok(Self {
            certificate: read(CERTIFICATE_FILE, &settings.certificate_file)?,
            private_key: read(PRIVATE_KEY_FILE, &settings.private_key_file)?,
        })
    }

    fn certificate(&self, settings: &TlsSettings) -> Result<ServerCertificate, InvalidSetting> {
        let chain = CertificateDer::pem_slice_iter(&self.certificate).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| {
            problem(CERTIFICATE_FILE, &settings.certificate_file, "holds no certificate in PEM")
        })?;
        let key = PrivateKeyDer::from_pem_slice(&self.private_key).map_err(|_| {
            problem(PRIVATE_KEY_FILE, &settings.private_key_file, "holds no unencrypted private key in PEM")
        })?;
        Ok(ServerCertificate::new(chain, key))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files").field("settings", &self.settings).finish_non_exhaustive()
    }
}

fn problem(key: &'static str, path: &Path, text: &str) -> InvalidSetting {
    InvalidSetting::new(key, format!("{}: {text}", path.display()))
}
