//! The stand-in's own certificate authority for https, and the server certificates that it issues.

use std::fmt;

use entra_shared::settings::KeyProblem;
use http_shell::server::ServerCertificate;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, NameConstraints, date_time_ymd,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::data_folder::{CA_FILE, DataFolder};
use crate::origin::{MICROSOFT, is_microsofts};

/// The subject that certificate viewers show.
const SUBJECT: &str = "Local stand-in for Entra ID (never trust outside tests)";

/// The certificate authority's lifetime in years; about that of a developer's machine.
const AUTHORITY_YEARS: i16 = 10;

/// The lifetime of a server certificate in days. It is the longest that all TLS clients accept.
const SERVER_DAYS: i64 = 397;

/// The certificate authority, created once and stored in the data folder. `Debug` hides its key.
#[derive(Debug)]
pub struct CertificateAuthority {
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl CertificateAuthority {
    /// Reads the authority from the folder; creates it the first time.
    ///
    /// # Errors
    /// The folder cannot be used, or its file is corrupt.
    pub fn open(folder: &DataFolder) -> Result<Self, KeyProblem> {
        let text = folder.read_or_create(CA_FILE, || generate().map_err(|error| unusable(&error)))?;
        Self::parse(&text).ok_or_else(|| folder.malformed(CA_FILE))
    }

    /// Returns the certificate that clients must trust, in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Issues a server certificate for DNS names and IP addresses.
    ///
    /// # Errors
    /// One of them is neither, or is a Microsoft host name.
    pub fn issue<N: AsRef<str>>(&self, names: &[N]) -> Result<IssuedCertificate, IssueError> {
        let names: Vec<String> = names.iter().map(|name| name.as_ref().to_owned()).collect();
        // A machine that trusts this authority for tests would trust it for the real Entra as well.
        if let Some(name) = names.iter().find(|name| is_microsofts(name)) {
            return Err(IssueError::Microsofts(name.clone()));
        }
        let mut params = CertificateParams::new(names.clone())?;
        set_validity(&mut params, SERVER_DAYS.days());
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("", String::as_str));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(IssuedCertificate { certificate_pem: certificate.pem(), private_key_pem: key.serialize_pem() })
    }

    fn parse(text: &str) -> Option<Self> {
        let key = KeyPair::from_pem(text).ok()?;
        let certificate_pem = text.get(text.find("-----BEGIN CERTIFICATE-----")?..)?.to_owned();
        CertificateDer::from_pem_slice(certificate_pem.as_bytes()).ok()?;
        Some(Self { certificate_pem, issuer: Issuer::new(params(), key) })
    }
}

/// A server certificate with its private key. `Debug` hides the key.
#[derive(Clone)]
pub struct IssuedCertificate {
    certificate_pem: String,
    private_key_pem: String,
}

impl IssuedCertificate {
    /// Returns the certificate in PEM.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// Returns the private key in PEM (PKCS #8).
    #[must_use]
    pub fn private_key_pem(&self) -> &str {
        &self.private_key_pem
    }

    pub(crate) fn for_server(&self) -> Option<ServerCertificate> {
        let certificate = CertificateDer::from_pem_slice(self.certificate_pem.as_bytes()).ok()?;
        let key = PrivateKeyDer::from_pem_slice(self.private_key_pem.as_bytes()).ok()?;
        Some(ServerCertificate::new(vec![certificate], key))
    }
}

impl fmt::Debug for IssuedCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedCertificate")
            .field("certificate_pem", &self.certificate_pem)
            .finish_non_exhaustive()
    }
}

/// Why no certificate can be issued for these names.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// One of the names is neither a DNS name nor an IP address.
    #[error("no certificate can be issued for these names")]
    Names(#[from] rcgen::Error),
    /// One of the names is a Microsoft host name.
    #[error("`{0}` is a Microsoft host name; no certificate is issued for one")]
    Microsofts(String),
}

fn generate() -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = params();
    set_validity(&mut params, AUTHORITY_YEARS.years());
    // Even if the key leaks, clients reject certificates for these domains (RFC 5280 section 4.2.1.10).
    let excluded = MICROSOFT.iter().map(|&domain| GeneralSubtree::DnsName(domain.to_owned())).collect();
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: Vec::new(), excluded_subtrees: excluded });
    let certificate = params.self_signed(&key)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// Returns the parameters that issued certificates refer to; the same at every start.
fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, SUBJECT);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn unusable(error: &rcgen::Error) -> KeyProblem {
    KeyProblem::new("data.folder", format!("cannot create a certificate authority: {error}"))
}

/// Sets the validity from yesterday on, so that clients with a slow clock accept the certificate.
pub(crate) fn set_validity(params: &mut CertificateParams, life: Span) {
    let today = Timestamp::now().to_zoned(TimeZone::UTC).date();
    let midnight =
        |day: Date| date_time_ymd(day.year().into(), day.month().unsigned_abs(), day.day().unsigned_abs());
    params.not_before = midnight(today.saturating_sub(1.day()));
    params.not_after = midnight(today.saturating_add(life));
}
