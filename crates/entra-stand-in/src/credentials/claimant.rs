//! The client that authenticates, and the checks against its registered credentials.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::ids::{ClientId, ObjectId};
use jiff::{SignedDuration, Timestamp};

use super::assertion::{Assertion, Claims};
use super::federated;
use super::rsa::{self, RsaKey};
use super::secret::{self, WrongSecret};
use super::{Certificate, Credential, FederatedCredential, SecretHash, SeenAssertions, TenantAddress};
use crate::errors::{AssertionRefusal, Echo, Refusal};
use crate::keys::SigningKeys;

/// The tolerated clock skew between client and stand-in.
pub(super) const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// The longest lifetime of a client's own assertion.
///
/// Entra documents no limit. No library needs a day; a longer lifetime indicates a wrong unit.
pub(super) const MAX_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The client that authenticates, with the tenant's address and the time.
#[derive(Debug)]
pub(crate) struct Claimant<'a> {
    pub(crate) client: ClientId,
    pub(crate) registered: &'a [Credential],
    pub(crate) address: TenantAddress<'a>,
    /// The tenant's keys, with which its own tokens are signed.
    pub(crate) keys: &'a SigningKeys,
    /// The object ids of the tenant's managed identities, whose tokens may be exchanged.
    pub(crate) identities: Vec<ObjectId>,
    /// The tenant's used assertions, for strict mode.
    pub(crate) seen: &'a SeenAssertions,
    pub(crate) now: Timestamp,
}

impl Claimant<'_> {
    /// Checks that the secret is one of the app's and valid now.
    pub(super) fn check_secret(&self, presented: &SecretHash) -> Result<(), Refusal> {
        let client = self.client;
        let registered = self.registered.iter().filter_map(|credential| match credential {
            Credential::Secret(secret) => Some(secret),
            _ => None,
        });
        secret::check(registered, presented, self.now).map_err(|wrong| match wrong {
            WrongSecret::Unknown => Refusal::WrongSecret { client, is_id: false },
            WrongSecret::IsId => Refusal::WrongSecret { client, is_id: true },
            WrongSecret::Expired => Refusal::ExpiredSecret { client },
        })
    }

    /// Returns the app's federated credentials.
    pub(super) fn federated(&self) -> impl Iterator<Item = &FederatedCredential> {
        self.registered.iter().filter_map(|credential| match credential {
            Credential::Federated(federated) => Some(federated),
            _ => None,
        })
    }

    /// Returns whether a token that Entra issued may be exchanged. It must be a managed identity's, for that purpose,
    /// in this tenant.
    pub(super) fn may_exchange(&self, claims: &Claims) -> bool {
        let is_subject = |identity: &ObjectId| claims.sub.as_deref() == Some(&*identity.to_string());
        federated::is_for_token_exchange(claims)
            && claims.iss.as_deref().is_some_and(|issuer| self.address.is_own_v2_issuer(issuer))
            && self.identities.iter().any(is_subject)
    }

    /// Returns the tenant's published key with this id.
    pub(super) fn own_key(&self, kid: &str) -> Option<RsaKey> {
        let keys = self.keys.snapshot();
        let key = keys.published().find(|key| key.kid() == kid)?;
        let number = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
        RsaKey::new(&number(key.modulus())?, &number(key.exponent())?)
    }

    /// Checks that `iss` and `sub` are the client and `aud` is this tenant (RFC 7523 section 3).
    pub(super) fn check_names(&self, claims: &Claims) -> Result<(), AssertionRefusal> {
        let missing = |field| AssertionRefusal::MissingClaim { field };
        let issuer = claims.iss.as_deref().ok_or_else(|| missing("iss"))?;
        let is_client = |text: &str| ClientId::parse(text).is_ok_and(|id| id == self.client);
        if !is_client(issuer) || !claims.sub.as_deref().is_some_and(is_client) {
            return Err(AssertionRefusal::OtherClient);
        }
        let audience = claims.aud.as_ref().ok_or_else(|| missing("aud"))?;
        // A list of several would make the assertion good elsewhere as well.
        match audience.values() {
            [audience] if self.address.is_audience(audience) => Ok(()),
            _ => Err(AssertionRefusal::OtherAudience),
        }
    }

    /// Checks that the header names a registered certificate, whose key made the signature and which is valid now.
    pub(super) fn check_certificate(&self, assertion: &Assertion<'_>) -> Result<(), AssertionRefusal> {
        let header = &assertion.header;
        let algorithm = rsa::algorithm(&header.alg).ok_or_else(|| assertion.unsupported())?;
        if !header.names_certificate() {
            return Err(AssertionRefusal::NoCertificateNamed);
        }
        let thumbprint = || Echo::new(&header.certificate_name());
        let named = || {
            self.registered.iter().filter_map(|credential| match credential {
                Credential::Certificate(certificate) if certificate.is_named_by(header) => Some(certificate),
                _ => None,
            })
        };
        // A certificate may be registered more than once; prefer a registration that is valid now.
        let valid = named().find(|named| named.start <= self.now && self.now < named.end);
        let unregistered =
            || AssertionRefusal::UnregisteredCertificate { thumbprint: thumbprint(), client: self.client };
        let certificate = valid.or_else(|| named().next()).ok_or_else(unregistered)?;
        let Certificate { key, start, end, .. } = certificate;
        if !key.verifies(algorithm, assertion.message.as_bytes(), &assertion.signature) {
            let (start, end) = (*start, *end);
            return Err(AssertionRefusal::WrongSignature { thumbprint: thumbprint(), start, end });
        }
        if self.now < *start {
            return Err(AssertionRefusal::CertificateNotYetValid);
        }
        if self.now >= *end { Err(AssertionRefusal::ExpiredCertificate) } else { Ok(()) }
    }
}

impl Claims {
    /// Checks that now is between `nbf` (or `iat`) and `exp`, with [`SKEW`].
    pub(super) fn check_time(
        &self,
        now: Timestamp,
        max_life: Option<SignedDuration>,
    ) -> Result<(), AssertionRefusal> {
        let until = self.exp.ok_or(AssertionRefusal::MissingClaim { field: "exp" })?.at;
        let from = self.nbf.map_or(Timestamp::UNIX_EPOCH, |time| time.at);
        let issued = self.iat.map_or(from, |time| time.at);
        let too_early = from.max(issued).duration_since(now) > SKEW;
        let too_late = now.duration_since(until) >= SKEW;
        let too_long = max_life.is_some_and(|life| until.duration_since(now) > life);
        if too_early || too_late || too_long {
            return Err(AssertionRefusal::OutsideTime { now, from, until });
        }
        Ok(())
    }
}

impl Assertion<'_> {
    /// Returns the refusal of its algorithm.
    pub(super) fn unsupported(&self) -> AssertionRefusal {
        AssertionRefusal::UnsupportedAlgorithm { algorithm: Echo::new(&self.header.alg) }
    }
}
