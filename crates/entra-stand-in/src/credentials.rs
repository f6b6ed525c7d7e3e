//! An app's credentials, and the verification of those that a request presents.

mod assertion;
mod certificate;
mod claimant;
mod federated;
mod issuers;
mod rsa;
mod secret;
mod seen;
mod strict;
mod tenant_address;

use entra_shared::claims::ClientAuthentication;
use entra_shared::http_client::HttpClientSettings;
use entra_shared::settings::KeyProblem;
use jsonwebtoken::Algorithm;
use serde::{Deserialize, Serialize};

pub(crate) use certificate::Certificate;
pub(crate) use claimant::Claimant;
pub(crate) use federated::FederatedCredential;
pub use secret::hash_secret;
pub(crate) use secret::{Secret, SecretHash};
pub(crate) use seen::SeenAssertions;
pub(crate) use tenant_address::TenantAddress;

use crate::errors::{AssertionRefusal, Refusal};
use assertion::Assertion;
use issuers::{Asking, Issuers};

/// A credential registered for an app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Credential {
    /// One of the manifest's `passwordCredentials` with a known value.
    Secret(Secret),
    /// One of the manifest's `keyCredentials`.
    Certificate(Certificate),
    /// One of the registration's `federatedIdentityCredentials`.
    Federated(FederatedCredential),
}

impl Credential {
    /// Returns whether it is the federated credential with this issuer and subject (case-sensitive).
    pub(crate) fn is_federated(&self, issuer: &str, subject: &str) -> bool {
        matches!(self, Self::Federated(known) if known.issuer == issuer && known.subject == subject)
    }
}

/// The credential in a request. No `Debug`, since an assertion is as sensitive as a secret.
pub(crate) enum Presented<'r> {
    /// Nothing.
    Nothing,
    /// A client secret, in the body or by HTTP Basic.
    Secret(SecretHash),
    /// A client assertion (RFC 7523).
    Assertion(&'r str),
}

/// Verifies credentials, with a cache of federated issuers' keys.
#[derive(Debug)]
pub(crate) struct Authenticator {
    issuers: Issuers,
    strict: bool,
}

impl Authenticator {
    /// Creates an authenticator that fetches issuers' keys with the settings in `http`. `strict` refuses non-standard assertions.
    pub(crate) fn new(strict: bool, http: HttpClientSettings) -> Result<Self, KeyProblem> {
        Ok(Self { issuers: Issuers::new(http)?, strict })
    }

    /// Verifies that the presented credential is one of the claimant's.
    pub(crate) async fn authenticate(
        &self,
        claimant: &Claimant<'_>,
        presented: &Presented<'_>,
    ) -> Result<ClientAuthentication, Refusal> {
        match presented {
            Presented::Nothing => Err(Refusal::MissingCredential),
            Presented::Secret(hash) => claimant.check_secret(hash).map(|()| ClientAuthentication::Secret),
            Presented::Assertion(text) => {
                let assertion = Assertion::parse(text)?;
                if self.strict
                    && let Some(rule) = strict::broken_header_rule(&assertion.header)
                {
                    return Err(AssertionRefusal::NotStandard { rule }.into());
                }
                if assertion.claims.are_external() {
                    self.check_federated(claimant, &assertion).await?;
                } else {
                    self.check_own(claimant, &assertion).await?;
                }
                Ok(ClientAuthentication::Certificate)
            }
        }
    }

    /// Verifies an assertion that the client signed with its certificate's key.
    async fn check_own(
        &self,
        claimant: &Claimant<'_>,
        assertion: &Assertion<'_>,
    ) -> Result<(), AssertionRefusal> {
        let rule = self.strict.then(|| strict::broken_rule(assertion, &claimant.address));
        if let Some(Some(rule)) = rule {
            return Err(AssertionRefusal::NotStandard { rule });
        }
        let claims = &assertion.claims;
        claimant.check_names(claims)?;
        claimant.check_certificate(assertion)?;
        claims.check_time(claimant.now, Some(claimant::MAX_LIFE))?;
        if let (true, Some(jti), Some(exp)) = (self.strict, &claims.jti, claims.exp) {
            let until = exp.at.saturating_add(claimant::SKEW).unwrap_or(exp.at);
            let seen = claimant.seen;
            seen.remember(claimant.client, jti, until, claimant.now)
                .await
                .map_err(|rule| AssertionRefusal::NotStandard { rule })?;
        }
        Ok(())
    }

    /// Verifies a token from the issuer of a federated credential.
    async fn check_federated(
        &self,
        claimant: &Claimant<'_>,
        assertion: &Assertion<'_>,
    ) -> Result<(), AssertionRefusal> {
        let (header, claims) = (&assertion.header, &assertion.claims);
        let is_entras = claims.iss.as_deref().is_some_and(|issuer| claimant.address.is_entra(issuer));
        if is_entras && !claimant.may_exchange(claims) {
            return Err(AssertionRefusal::OwnToken);
        }
        // The one algorithm that Entra documents for issuers.
        let algorithm = rsa::algorithm(&header.alg)
            .filter(|algorithm| *algorithm == Algorithm::RS256)
            .ok_or_else(|| assertion.unsupported())?;
        let found = federated::find(claimant.federated(), claims)?;
        if claims.are_a_users() {
            return Err(AssertionRefusal::UserToken);
        }
        claims.check_time(claimant.now, None)?;
        let not_found = AssertionRefusal::WrongIssuerSignature { reason: "The key was not found." };
        let Some(kid) = &header.kid else { return Err(not_found) };
        let key = if is_entras {
            claimant.own_key(kid)
        } else {
            let asking = Asking { tenant: claimant.address.tenant, now: claimant.now };
            let key = self.issuers.key(asking, &found.issuer, kid).await;
            key.map_err(|_| AssertionRefusal::IssuerUnreachable)?
        };
        let key = key.ok_or(not_found)?;
        if key.verifies(algorithm, assertion.message.as_bytes(), &assertion.signature) {
            return Ok(());
        }
        let reason = "The provided signature value did not match the expected signature value.";
        Err(AssertionRefusal::WrongIssuerSignature { reason })
    }
}
