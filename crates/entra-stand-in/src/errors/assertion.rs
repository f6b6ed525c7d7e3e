//! The refusals of client assertions, by certificates and by federated credentials.

use std::fmt;

use entra_shared::ids::ClientId;
use jiff::Timestamp;

use super::{Echo, Row};

/// Why a client assertion is refused. The display text is Entra's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AssertionRefusal {
    #[error("JWT token is invalid or malformed.")]
    Malformed,
    /// Strict mode only; the text is not Entra's.
    #[error("JWT token is invalid or malformed. [Strict mode - {rule}]")]
    NotStandard { rule: &'static str },
    #[error("Request to External OIDC endpoint failed.")]
    IssuerUnreachable,
    #[error(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'. Assertion Audience: '{audience}'. https://docs.microsoft.com/en-us/azure/active-directory/develop/workload-identity-federation"
    )]
    NoFederatedCredential { issuer: Echo, subject: Echo, audience: Echo },
    #[error(
        "The required field '{field}' is missing from the credential. Ensure that you have all the necessary parameters for the login request."
    )]
    MissingClaim { field: &'static str },
    #[error(
        "Client assertion application identifier doesn't match 'client_id' parameter. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials ."
    )]
    OtherClient,
    #[error(
        "Client assertion audience claim does not match Realm issuer. Review the documentation at https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials ."
    )]
    OtherAudience,
    #[error(
        "Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, expiry time of assertion {}. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .",
        precise(now),
        precise(from),
        precise(until)
    )]
    OutsideTime { now: Timestamp, from: Timestamp, until: Timestamp },
    #[error(
        "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '{client}'. Review the documentation at https://docs.microsoft.com/en-us/graph/deployments to determine the corresponding service endpoint and https://docs.microsoft.com/en-us/graph/api/application-get?view=graph-rest-1.0&tabs=http to build a query request URL, such as 'https://graph.microsoft.com/beta/applications/{client}']."
    )]
    UnregisteredCertificate { thumbprint: Echo, client: ClientId },
    #[error(
        "Client assertion contains an invalid signature. [Reason - The provided signature value did not match the expected signature value., Thumbprint of key used by client: '{thumbprint}', Found key 'Start={}, End={}']",
        short(start),
        short(end)
    )]
    WrongSignature { thumbprint: Echo, start: Timestamp, end: Timestamp },
    /// For a federated issuer's token, whose keys have no thumbprint; the text is assumed after the one above.
    #[error("Client assertion contains an invalid signature. [Reason - {reason}]")]
    WrongIssuerSignature { reason: &'static str },
    #[error("The certificate with identifier used to sign the client assertion is expired on application.")]
    ExpiredCertificate,
    #[error(
        "No matching federated identity record found for presented assertion {part} '{value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    )]
    NoMatch { part: Part, value: Echo },
    #[error("AAD-issued tokens may not be used for federated identity flows.")]
    OwnToken,
    /// The code is known, the text is assumed.
    #[error("Only app tokens can be used as federated identity credentials.")]
    UserToken,
    /// The code is known, the text is assumed.
    #[error("The certificate used to sign the client assertion is not within its validity period.")]
    CertificateNotYetValid,
    #[error(
        "Invalid JWT token. No certificate SHA-1 thumbprint, certificate SHA-256 thumbprint, nor keyId specified in token header."
    )]
    NoCertificateNamed,
    // As captured. Entra has added PS256 since, and no later capture of this text exists.
    #[error(
        "Invalid JWT token. '{algorithm}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256,RS384,RS512'"
    )]
    UnsupportedAlgorithm { algorithm: Echo },
    #[error(
        "No matching federated identity record found for presented assertion subject '{subject}'. The subject matches with case-insensitive comparison, but not with case-sensitive comparison. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
    )]
    SubjectCase { subject: Echo },
}

/// The part of an external token that matches no federated credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Issuer,
    Audience,
    Subject,
}

impl AssertionRefusal {
    /// Returns the table. No capture shows the `error_uri` of 50166, 700023, 700211, 700212, 700222, 700229, 70021,
    /// 1000502 and 7002138 either way; it is assumed.
    pub(super) fn row(&self) -> Row {
        let row = |code| Row::new(code, "invalid_client", true);
        match self {
            Self::Malformed => Row::new(50027, "invalid_request", true),
            Self::NotStandard { .. } => row(50027),
            Self::IssuerUnreachable => Row::new(50166, "invalid_request", true), // error assumed
            // 401 with `invalid_request`, as captured in 2023; in 2022 it was 400 with `unauthorized_client`.
            Self::NoFederatedCredential { .. } => {
                Row { status: row(70021).status, ..Row::new(70021, "invalid_request", true) }
            }
            Self::MissingClaim { .. } => Row::new(90014, "invalid_request", true),
            Self::OtherClient => row(700021),
            Self::OtherAudience => row(700023),
            Self::OutsideTime { .. } => row(700024),
            Self::UnregisteredCertificate { .. }
            | Self::WrongSignature { .. }
            | Self::WrongIssuerSignature { .. }
            | Self::ExpiredCertificate => row(700027),
            Self::NoMatch { part: Part::Issuer, .. } => row(700211),
            Self::NoMatch { part: Part::Audience, .. } => row(700212),
            Self::NoMatch { part: Part::Subject, .. } => row(700213),
            Self::OwnToken => row(700222),
            Self::UserToken => row(700229), // error assumed
            Self::CertificateNotYetValid => row(1000502),
            Self::NoCertificateNamed => row(5002723),
            Self::UnsupportedAlgorithm { .. } => row(5002738),
            Self::SubjectCase { .. } => row(7002138),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Subject => "subject",
        })
    }
}

/// Formats a time with seven fractional digits, as .NET does.
fn precise(time: &Timestamp) -> impl fmt::Display {
    time.strftime("%Y-%m-%dT%H:%M:%S%.7fZ").to_string()
}

fn short(time: &Timestamp) -> impl fmt::Display {
    time.strftime("%m/%d/%Y %H:%M:%S").to_string()
}
