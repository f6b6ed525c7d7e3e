//! The server's certificate, which is replaced when its files change.

mod certificate;
mod files;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use serde::Deserialize;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsAcceptor;

use crate::{InvalidSetting, process};
pub use certificate::ServerCertificate;
use certificate::{Presented, Validity};
use files::Files;

/// How often the files are read again.
const POLL_INTERVAL: Duration = Duration::from_secs(10);

/// How often a certificate that is not valid is reported.
const REPORT_INTERVAL: Duration = Duration::from_hours(24);

/// Section `[server.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// A PEM file with the server's certificate and the intermediate certificates, in any order.
    pub certificate_file: PathBuf,
    /// A PEM file with the certificate's private key; it may be the same file.
    pub private_key_file: PathBuf,
}

/// Accepts TLS connections with the current certificate.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    certificate: CurrentCertificate,
    files: Option<Files>,
}

/// The certificate that a server presents now. Clones share it.
#[derive(Debug, Clone)]
pub struct CurrentCertificate(Arc<Current>);

#[derive(Debug)]
struct Current(RwLock<Presented>);

impl Tls {
    /// Presents this certificate until the end.
    pub(super) fn new(certificate: &ServerCertificate) -> Result<Self, InvalidSetting> {
        Self::present(certificate.presented()?, None)
    }

    /// Presents the certificate in these files, and its successors.
    pub(super) fn read(settings: &TlsSettings) -> Result<Self, InvalidSetting> {
        let (files, certificate) = Files::read(settings)?;
        Self::present(certificate.presented()?, Some(files))
    }

    fn present(presented: Presented, files: Option<Files>) -> Result<Self, InvalidSetting> {
        let certificate = CurrentCertificate(Arc::new(Current(RwLock::new(presented))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| InvalidSetting::new("server.tls", error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&certificate.0) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate, files })
    }

    pub(super) fn certificate(&self) -> CurrentCertificate {
        self.certificate.clone()
    }

    /// Presents what the files hold when they change, and reports once a day if the certificate is not valid.
    pub(super) async fn keep_current(&mut self) {
        let mut requests = process::reload_requests();
        let mut reported = self.certificate.report();
        loop {
            let _ = timeout(POLL_INTERVAL, requests.changed()).await;
            if let Some(files) = &mut self.files
                && let Some(presented) = files.changed().await
            {
                tracing::info!(expires = %presented.validity.not_after, "the server's certificate was replaced");
                self.certificate.replace(presented);
                reported = self.certificate.report();
            }
            if reported.elapsed() >= REPORT_INTERVAL {
                reported = self.certificate.report();
            }
        }
    }
}

impl CurrentCertificate {
    /// Returns the days until the certificate expires; below zero if it has expired.
    #[must_use]
    pub fn days_to_expiry(&self) -> f64 {
        self.validity().days_to_expiry()
    }

    fn validity(&self) -> Validity {
        self.0.0.read().unwrap_or_else(PoisonError::into_inner).validity
    }

    fn replace(&self, presented: Presented) {
        *self.0.0.write().unwrap_or_else(PoisonError::into_inner) = presented;
    }

    fn report(&self) -> Instant {
        if let Some(fault) = self.validity().fault() {
            tracing::error!("{fault}; clients refuse it");
        }
        Instant::now()
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner).key))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("files", &self.files).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::SystemTime;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tempfile::TempDir;
    use tokio::time::sleep;

    use super::*;

    /// A chain of three certificates and the key of the first, all in PEM.
    struct Chain {
        certificates: [String; 3],
        key: String,
    }

    fn issue(change: impl FnOnce(&mut CertificateParams)) -> Chain {
        let ca = |name: &str| {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            (params, KeyPair::generate().unwrap())
        };
        let (params, key) = ca("root");
        let root = CertifiedIssuer::self_signed(params, key).unwrap();
        let (params, key) = ca("intermediate");
        let intermediate = CertifiedIssuer::signed_by(params, key, &root).unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let own = params.signed_by(&key, &intermediate).unwrap().pem();
        Chain { certificates: [own, intermediate.pem(), root.pem()], key: key.serialize_pem() }
    }

    struct Folder {
        folder: TempDir,
        settings: TlsSettings,
    }

    impl Folder {
        fn new(chain: &Chain) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            let settings =
                TlsSettings { certificate_file: path("certificate"), private_key_file: path("key") };
            let this = Self { folder, settings };
            this.write(&chain.certificates.concat(), &chain.key);
            this
        }

        fn write(&self, certificate: &str, key: &str) {
            fs::write(&self.settings.certificate_file, certificate).unwrap();
            fs::write(&self.settings.private_key_file, key).unwrap();
        }
    }

    /// The presented certificates, in PEM.
    fn presented(certificate: &CurrentCertificate) -> Vec<Vec<u8>> {
        let current = certificate.0.0.read().unwrap();
        current.key.cert.iter().map(|certificate| certificate.to_vec()).collect()
    }

    fn der(pems: &[String]) -> Vec<Vec<u8>> {
        pems.iter().map(|pem| pem::parse(pem).unwrap().into_contents()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewed_certificate_is_presented_within_30_seconds_and_a_broken_file_changes_nothing() {
        let (first, second) = (issue(|_| ()), issue(|_| ()));
        let folder = Folder::new(&first);
        let mut tls = Tls::read(&folder.settings).unwrap();
        let certificate = tls.certificate();
        assert_eq!(presented(&certificate), der(&first.certificates));
        let watch = tokio::spawn(async move { tls.keep_current().await });
        // Half-written, mixed, and gone.
        let half = second.certificates[0].get(..200).unwrap();
        for (text, key) in
            [(half, &second.key), (&*second.certificates.concat(), &first.key), ("", &second.key)]
        {
            folder.write(text, key);
            sleep(Duration::from_secs(30)).await;
            assert_eq!(presented(&certificate), der(&first.certificates));
        }
        fs::remove_file(&folder.settings.private_key_file).unwrap();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(presented(&certificate), der(&first.certificates));
        folder.write(&second.certificates.concat(), &second.key);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(presented(&certificate), der(&second.certificates));
        watch.abort();
    }

    #[cfg(unix)]
    #[tokio::test(start_paused = true)]
    async fn a_folder_swapped_by_kubernetes_is_noticed() {
        let (first, second) = (issue(|_| ()), issue(|_| ()));
        let (old, new) = (Folder::new(&first), Folder::new(&second));
        let mount = tempfile::tempdir().unwrap();
        let data = mount.path().join("..data");
        std::os::unix::fs::symlink(old.folder.path(), &data).unwrap();
        let path = |name: &str| data.join(name);
        let settings = TlsSettings { certificate_file: path("certificate"), private_key_file: path("key") };
        let mut tls = Tls::read(&settings).unwrap();
        let certificate = tls.certificate();
        let watch = tokio::spawn(async move { tls.keep_current().await });
        let swapped = mount.path().join("..data_tmp");
        std::os::unix::fs::symlink(new.folder.path(), &swapped).unwrap();
        fs::rename(swapped, data).unwrap();
        sleep(Duration::from_secs(30)).await;
        assert_eq!(presented(&certificate), der(&second.certificates));
        watch.abort();
    }

    #[test]
    fn a_chain_is_presented_in_order_whatever_the_order_and_the_line_ends_of_its_file() {
        let chain = issue(|_| ());
        let [own, intermediate, root] = &chain.certificates;
        let attributes = "Bag Attributes\n    friendlyName: x\nsubject=CN = x\n";
        let files = [
            format!("{root}{own}{intermediate}"),
            format!("{attributes}{intermediate}{attributes}{root}{own}"),
            format!("{}{own}{intermediate}{root}", chain.key),
            format!("\u{feff}{intermediate}{own}{root}"),
        ];
        for text in files.iter().flat_map(|text| [text.clone(), text.replace('\n', "\r\n")]) {
            let folder = Folder::new(&chain);
            folder.write(&text, &chain.key);
            let tls = Tls::read(&folder.settings).unwrap();
            assert_eq!(presented(&tls.certificate()), der(&chain.certificates), "{text}");
        }
        // Key and certificates in one file.
        let folder = Folder::new(&chain);
        folder.write(&chain.certificates.concat(), &format!("{intermediate}{}", chain.key));
        Tls::read(&folder.settings).unwrap();
    }

    #[test]
    fn a_certificate_without_its_key_is_named_as_such() {
        let chain = issue(|_| ());
        let folder = Folder::new(&chain);
        folder.write(&chain.certificates[1..].concat(), &chain.key);
        let error = Tls::read(&folder.settings).unwrap_err().to_string();
        assert!(error.contains("no certificate in `server.tls.certificate_file` has"), "{error}");
    }

    #[test]
    fn the_time_to_expiry_goes_below_zero_and_a_certificate_that_is_not_valid_is_a_fault() {
        let validity = |from: i64, to: i64| {
            let day = |days| {
                let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
                rcgen::date_time_ymd(1970, 1, 1)
                    + Duration::from_secs(now.checked_add_signed(days * 86_400).unwrap())
            };
            let chain = issue(|params| (params.not_before, params.not_after) = (day(from), day(to)));
            let tls = Tls::read(&Folder::new(&chain).settings).unwrap();
            (tls.certificate().days_to_expiry().round(), tls.certificate().validity().fault())
        };
        let (days, fault) = validity(-1, 10);
        assert!((days - 10.0).abs() < f64::EPSILON && fault.is_none(), "{days} {fault:?}");
        let (days, fault) = validity(-10, -3);
        assert!((days + 3.0).abs() < f64::EPSILON, "{days}");
        assert!(fault.unwrap().contains("expired"));
        let (_, fault) = validity(2, 10);
        assert!(fault.unwrap().contains("not valid before"));
    }
}
