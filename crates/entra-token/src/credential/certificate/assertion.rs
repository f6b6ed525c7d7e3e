//! The assertion that a certificate's key signs: a JWT in which the client vouches for itself.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials#assertion-format>

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::azure_ad::{Authority, Version};
use entra_shared::ids::ClientId;
use entra_shared::secret::ClientAssertion;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::{Claimant, CredentialProblem};
use super::SigningCertificate;

/// How long an assertion lasts: the most that Entra documents.
const LIFE: SignedDuration = SignedDuration::from_mins(10);

/// How far an assertion is dated back, since the authority's clock may lag behind.
const BACKDATED: SignedDuration = SignedDuration::from_secs(5);

/// How an assertion is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256, as Entra documents it; the certificate is named by its SHA-256 thumbprint.
    #[default]
    #[serde(rename = "PS256")]
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for authorities that know no other; the thumbprint is SHA-1.
    #[serde(rename = "RS256")]
    Rs256,
}

/// Whom an assertion names as the one that is to read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AssertionAudience {
    /// The v2.0 token endpoint of the tenant, by its id, as Entra documents it.
    #[default]
    TokenEndpoint,
    /// The tenant's v2.0 issuer, which no other authority's endpoint can pass for.
    Issuer,
}

/// How assertions are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssertionOptions {
    /// How they are signed.
    pub algorithm: Algorithm,
    /// Whom they are for.
    pub audience: AssertionAudience,
    /// Whether the certificate and those that vouch for it go along (`x5c`), for registrations that name a subject
    /// and issuer to trust rather than a certificate.
    pub send_chain: bool,
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5t: Option<String>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    x5c: Option<Vec<String>>,
}

#[derive(Serialize)]
struct Claims {
    aud: String,
    iss: ClientId,
    sub: ClientId,
    /// Never the same twice: an authority may remember what it has seen.
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Makes an assertion. Its audience comes from the settings and from nothing that was fetched: whoever could name
/// another one would get an assertion for it.
pub(super) fn sign(
    certificate: &SigningCertificate,
    options: AssertionOptions,
    claimant: Claimant<'_>,
    now: Timestamp,
) -> Result<ClientAssertion, CredentialProblem> {
    let header = Header::new(certificate, options);
    let claims = Claims::new(options.audience, claimant, now)?;
    let message = format!("{}.{}", segment(&header)?, segment(&claims)?);
    let signature = BASE64_URL_SAFE_NO_PAD.encode(certificate.sign(options.algorithm, &message)?);
    ClientAssertion::parse(format!("{message}.{signature}")).map_err(|_| CredentialProblem::Signing)
}

impl Header {
    fn new(certificate: &SigningCertificate, options: AssertionOptions) -> Self {
        let (alg, x5t, x5t_s256) = match options.algorithm {
            Algorithm::Ps256 => ("PS256", None, Some(certificate.sha256())),
            Algorithm::Rs256 => ("RS256", Some(certificate.sha1()), None),
        };
        let x5c = options.send_chain.then(|| certificate.x5c());
        Self { alg, typ: "JWT", x5t, x5t_s256, x5c }
    }
}

impl Claims {
    fn new(
        audience: AssertionAudience,
        claimant: Claimant<'_>,
        now: Timestamp,
    ) -> Result<Self, CredentialProblem> {
        let Claimant { client_id, authority } = claimant;
        let from = now.checked_sub(BACKDATED).map_err(|_| CredentialProblem::Signing)?;
        let until = from.checked_add(LIFE).map_err(|_| CredentialProblem::Signing)?;
        let aud = match audience {
            AssertionAudience::TokenEndpoint => {
                let by_id = Authority::new(authority.instance().clone(), authority.tenant(), None);
                by_id.token_endpoint(Version::V2).into()
            }
            AssertionAudience::Issuer => authority.issuer(Version::V2),
        };
        let (from, exp) = (from.as_second(), until.as_second());
        Ok(Self { aud, iss: client_id, sub: client_id, jti: Uuid::new_v4(), iat: from, nbf: from, exp })
    }
}

fn segment<T: Serialize>(value: &T) -> Result<String, CredentialProblem> {
    let json = serde_json::to_vec(value).map_err(|_| CredentialProblem::Signing)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(json))
}
