//! What an app can prove itself with, and whether what it presented is that.

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
use rsa::Algorithm;

/// A credential registered for an app.
#[derive(Debug, Clone)]
pub(crate) enum Credential {
    /// One of the manifest's `passwordCredentials` whose value is known.
    Secret(Secret),
    /// One of the manifest's `keyCredentials`.
    Certificate(Certificate),
    /// One of the registration's `federatedIdentityCredentials`.
    Federated(FederatedCredential),
}

impl Credential {
    /// Whether it is the federated one of this issuer and subject, case included.
    pub(crate) fn is_federated(&self, issuer: &str, subject: &str) -> bool {
        matches!(self, Self::Federated(known) if known.issuer == issuer && known.subject == subject)
    }
}

/// What a request presented. No `Debug`: an assertion opens as much as a secret does.
pub(crate) enum Presented<'r> {
    /// Nothing.
    Nothing,
    /// A client secret, in the body or by HTTP Basic.
    Secret(SecretHash),
    /// A client assertion (RFC 7523).
    Assertion(&'r str),
}

/// Checks credentials, and keeps the keys of issuers, which that takes.
#[derive(Debug)]
pub(crate) struct Authenticator {
    issuers: Issuers,
    strict: bool,
}

impl Authenticator {
    /// Fetches issuers' keys as `http` says; `strict` refuses assertions that only libraries' habits excuse.
    pub(crate) fn new(strict: bool, http: HttpClientSettings) -> Result<Self, KeyProblem> {
        Ok(Self { issuers: Issuers::new(http)?, strict })
    }

    /// Whether what was presented is one of the claimant's credentials.
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
                if assertion.claims.are_external() {
                    self.check_federated(claimant, &assertion).await?;
                } else {
                    self.check_own(claimant, &assertion).await?;
                }
                Ok(ClientAuthentication::Certificate)
            }
        }
    }

    /// An assertion that the client made and signed with its certificate.
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

    /// A token that an issuer of a federated credential gave the client.
    async fn check_federated(
        &self,
        claimant: &Claimant<'_>,
        assertion: &Assertion<'_>,
    ) -> Result<(), AssertionRefusal> {
        let (header, claims) = (&assertion.header, &assertion.claims);
        if claims.iss.as_deref().is_some_and(|issuer| claimant.address.is_entra(issuer)) {
            return Err(AssertionRefusal::OwnToken);
        }
        // The one algorithm that Entra documents for issuers.
        let algorithm = Algorithm::of(&header.alg)
            .filter(|algorithm| *algorithm == Algorithm::Rs256)
            .ok_or_else(|| assertion.unsupported())?;
        let found = federated::find(claimant.federated(), claims)?;
        if claims.are_a_users() {
            return Err(AssertionRefusal::UserToken);
        }
        claims.check_time(claimant.now, None)?;
        let not_found = AssertionRefusal::WrongIssuerSignature { reason: "The key was not found." };
        let Some(kid) = &header.kid else { return Err(not_found) };
        let asking = Asking { tenant: claimant.address.tenant, now: claimant.now };
        let key = self.issuers.key(asking, &found.issuer, kid).await;
        let key = key.map_err(|_| AssertionRefusal::IssuerUnreachable)?.ok_or(not_found)?;
        if key.verifies(algorithm, assertion.message.as_bytes(), &assertion.signature) {
            return Ok(());
        }
        let reason = "The provided signature value did not match the expected signature value.";
        Err(AssertionRefusal::WrongIssuerSignature { reason })
    }
}
