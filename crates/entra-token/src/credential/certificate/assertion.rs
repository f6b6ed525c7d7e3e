//! Creates the client assertion: a JWT signed with the certificate's key (RFC 7523 section 2.2).
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials#assertion-format>

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256};
use entra_shared::azure_ad::Version;
use entra_shared::ids::ClientId;
use entra_shared::secret::ClientAssertion;
use jiff::Timestamp;
use jsonwebtoken::Header;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::signing_certificate::SigningCertificate;
use crate::credential::{Claimant, CredentialProblem};

/// The lifetime of an assertion in seconds, which is the longest that Entra documents.
const LIFE: i64 = 600;

/// How many seconds `nbf` and `iat` lie in the past, in case the authority's clock is behind.
const BACKDATED: i64 = 5;

/// The signature algorithm of an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256, as Entra documents it. The SHA-256 thumbprint identifies the certificate.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for authorities that lack PS256. The SHA-1 thumbprint identifies the certificate.
    #[serde(rename = "RS256")]
    Rs256,
}

/// The audience (`aud`) of an assertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The v2.0 token endpoint with the tenant's id, as Entra documents it.
    #[default]
    TokenEndpoint,
    /// The v2.0 issuer of the tenant.
    Issuer,
}

/// Options for client assertions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssertionOptions {
    /// The signature algorithm.
    pub algorithm: Algorithm,
    /// The audience.
    pub audience: AssertionAudience,
    /// Whether to send the certificate chain (`x5c`), for registrations that trust a subject name and issuer instead of
    /// one certificate.
    pub send_chain: bool,
}

#[derive(Serialize)]
struct Claims {
    aud: String,
    iss: ClientId,
    sub: ClientId,
    /// A unique id, since an authority may reject an id that it has seen.
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Signs an assertion.
///
/// Its audience comes from the settings alone. An audience taken from a response would let an attacker obtain an
/// assertion for another authority.
pub(super) fn sign(
    certificate: &SigningCertificate,
    options: AssertionOptions,
    claimant: Claimant<'_>,
    now: Timestamp,
) -> Result<ClientAssertion, CredentialProblem> {
    let header = header(certificate, options);
    let claims = Claims::new(options.audience, claimant, now);
    let jwt = jsonwebtoken::encode(&header, &claims, &certificate.key);
    let jwt = jwt.map_err(|_| CredentialProblem::Signing)?;
    ClientAssertion::parse(jwt).map_err(|_| CredentialProblem::Signing)
}

fn header(certificate: &SigningCertificate, options: AssertionOptions) -> Header {
    let x5c = options.send_chain.then(|| certificate.x5c());
    match options.algorithm {
        Algorithm::Ps256 => Header {
            x5t_s256: Some(certificate.thumbprint(&SHA256)),
            x5c,
            ..Header::new(jsonwebtoken::Algorithm::PS256)
        },
        Algorithm::Rs256 => Header {
            x5t: Some(certificate.thumbprint(&SHA1_FOR_LEGACY_USE_ONLY)),
            x5c,
            ..Header::new(jsonwebtoken::Algorithm::RS256)
        },
    }
}

impl Claims {
    fn new(audience: AssertionAudience, claimant: Claimant<'_>, now: Timestamp) -> Self {
        let Claimant { client_id, authority } = claimant;
        let aud = match audience {
            AssertionAudience::TokenEndpoint => authority.assertion_audience().into(),
            AssertionAudience::Issuer => authority.issuer(Version::V2),
        };
        let from = now.as_second() - BACKDATED;
        Self {
            aud,
            iss: client_id,
            sub: client_id,
            jti: Uuid::new_v4(),
            iat: from,
            nbf: from,
            exp: from + LIFE,
        }
    }
}
