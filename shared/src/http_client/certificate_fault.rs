//! Why a peer's certificate is refused, with the remedy.

use rustls::CertificateError;

use super::causes;

/// Why a peer's certificate is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateFault {
    /// The certificate authority that issued it is not among the trusted ones.
    UnknownIssuer,
    /// It has expired.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// It is for another host.
    OtherName,
    /// The certificate names no host as a subject alternative name.
    NoName,
    /// The certificate is that of a certificate authority, such as a self-signed one with `CA:TRUE`.
    IsAuthority,
    /// The certificate's key is too weak, or its algorithm is not supported.
    Algorithm,
    /// Anything else, such as a revoked certificate.
    Other,
}

impl CertificateFault {
    /// Returns the fault if a request failed because of the peer's certificate.
    #[must_use]
    pub fn from_error(error: &reqwest::Error) -> Option<Self> {
        causes(error).find_map(|error| match error.downcast_ref() {
            Some(rustls::Error::InvalidCertificate(error)) => Some(Self::from_certificate_error(error)),
            _ => None,
        })
    }

    fn from_certificate_error(error: &CertificateError) -> Self {
        use CertificateError as E;
        match error {
            // A wrong signature: the trusted CA has the issuer's name, but another key.
            E::UnknownIssuer | E::BadSignature => Self::UnknownIssuer,
            E::Expired | E::ExpiredContext { .. } => Self::Expired,
            E::NotValidYet | E::NotValidYetContext { .. } => Self::NotYetValid,
            E::NotValidForNameContext { presented, .. } if presented.is_empty() => Self::NoName,
            E::NotValidForName | E::NotValidForNameContext { .. } => Self::OtherName,
            E::UnsupportedSignatureAlgorithmContext { .. }
            | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => Self::Algorithm,
            // The verifier's own error, which rustls has no variant for.
            E::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => Self::IsAuthority,
            _ => Self::Other,
        }
    }

    /// Completes "the certificate of that host".
    #[must_use]
    pub fn problem(self) -> &'static str {
        match self {
            Self::UnknownIssuer => "is not trusted, since its CA is unknown",
            Self::Expired => "has expired",
            Self::NotYetValid => "is not valid yet",
            Self::OtherName => "is for another host name",
            Self::NoName => "names no host as a subject alternative name (a common name does not count)",
            Self::IsAuthority => "is that of a CA (`CA:TRUE`), which a server may not use as its own",
            Self::Algorithm => "has a key that is too weak, or an algorithm that is not supported",
            Self::Other => "is not accepted",
        }
    }

    /// Returns what to do about it.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::UnknownIssuer => {
                "Name its CA in `http_client.ca_file` (HTTP_CLIENT__CA_FILE); if that names it already, let the server send \
                 the intermediate certificates with its own."
            }
            Self::Expired => "Renew it on the server; if it is recent, set this machine's clock.",
            Self::NotYetValid => "Set this machine's clock, or wait until the certificate is valid.",
            Self::OtherName => "Call the host by a name of the certificate, or issue one for this name.",
            Self::NoName => "Issue it with the host as a subject alternative name.",
            Self::IsAuthority => "Issue the server a certificate of its own, with `CA:FALSE`.",
            Self::Algorithm => "Issue it with RSA of at least 2048 bits or ECDSA P-256, and SHA-256.",
            Self::Other => "See the cause in the error.",
        }
    }
}
