//! The credentials of a client in addition to its first secret.

use std::time::Duration;

use entra_shared::secret::ClientSecret;
use jiff::{SignedDuration, Timestamp};

use super::client::Client;
use super::new_secret::NewSecret;
use crate::RegistrationError;
use crate::credentials::{Certificate, Credential, FederatedCredential, Secret, SecretHash};

impl Client {
    /// Gives it a further secret, which counts from `start` until `end` by the tenant's clock.
    ///
    /// # Errors
    /// The client has too many credentials.
    pub fn add_secret(&self, start: Timestamp, end: Timestamp) -> Result<ClientSecret, RegistrationError> {
        let NewSecret { value, registered } = NewSecret::lasting(self.tenant.clock().now());
        self.add(&Credential::Secret(Secret { start, end, ..registered }))?;
        Ok(value)
    }

    /// Gives it a further secret that Entra knows only after this time, by the tenant's clock.
    ///
    /// Until then it is a wrong secret (7000215), as a new one is for some seconds at Entra.
    ///
    /// # Errors
    /// The client has too many credentials.
    pub fn add_secret_known_after(&self, time: Duration) -> Result<ClientSecret, RegistrationError> {
        let NewSecret { value, registered } = NewSecret::lasting(self.tenant.clock().now());
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        let known_from = registered.start.saturating_add(time).unwrap_or(Timestamp::MAX);
        self.add(&Credential::Secret(Secret { known_from, ..registered }))?;
        Ok(value)
    }

    /// Takes a secret from it, its first one or another; what it has left goes on working.
    ///
    /// # Errors
    /// The client has no such secret.
    pub fn remove_secret(&self, secret: &ClientSecret) -> Result<(), RegistrationError> {
        let hash = SecretHash::of(secret.expose());
        self.remove(|known| matches!(known, Credential::Secret(known) if known.hash.matches(&hash)))
    }

    /// Takes a certificate from it: assertions that its key signs are refused from then on.
    ///
    /// # Errors
    /// The bytes are no certificate, or the client does not have it.
    pub fn remove_certificate(&self, der: &[u8]) -> Result<(), RegistrationError> {
        let certificate = Certificate::from_der(der).map_err(|_| RegistrationError::InvalidCertificate)?;
        self.remove(|known| matches!(known, Credential::Certificate(known) if known.is(&certificate)))
    }

    /// Lets it prove itself with assertions that the key of an X.509 certificate signs.
    ///
    /// The certificate counts from its `notBefore` until its `notAfter`, by the tenant's clock.
    ///
    /// # Errors
    /// The bytes are not the DER of a certificate with an RSA key of 2048 to 8192 bits.
    pub fn with_certificate(self, der: &[u8]) -> Result<Self, RegistrationError> {
        let certificate = Certificate::from_der(der).map_err(|_| RegistrationError::InvalidCertificate)?;
        self.add(&Credential::Certificate(certificate))?;
        Ok(self)
    }

    /// Lets it prove itself with tokens of an issuer for this subject and audience.
    ///
    /// The audience is usually `api://AzureADTokenExchange`.
    ///
    /// # Errors
    /// The issuer is not an https URL, nor an http one of this machine; a text is empty or too long; or the client has
    /// a federated credential of this issuer and subject already.
    pub fn with_federated(
        self,
        issuer: &str,
        subject: &str,
        audience: &str,
    ) -> Result<Self, RegistrationError> {
        let credential = FederatedCredential::new(issuer, subject, audience)
            .map_err(RegistrationError::InvalidFederated)?;
        self.add(&Credential::Federated(credential))?;
        Ok(self)
    }

    /// Takes the federated credential of this issuer and subject from it: their tokens are refused from then on.
    ///
    /// # Errors
    /// The client has no such credential.
    pub fn remove_federated(&self, issuer: &str, subject: &str) -> Result<(), RegistrationError> {
        self.remove(|known| known.is_federated(issuer, subject))
    }

    /// Makes it a public client, which may not present any credential.
    ///
    /// # Errors
    /// The tenant has no such app.
    pub fn public(self) -> Result<Self, RegistrationError> {
        self.tenant.change(|tenant| {
            tenant.principal_mut(self.id)?.application_mut().is_public = true;
            Ok(())
        })?;
        Ok(self)
    }

    fn remove(&self, is_it: impl Fn(&Credential) -> bool) -> Result<(), RegistrationError> {
        self.tenant
            .change(|tenant| tenant.principal_mut(self.id)?.application_mut().remove_credential(&is_it))
    }

    fn add(&self, credential: &Credential) -> Result<(), RegistrationError> {
        let add = |tenant: &mut crate::directory::Tenant| {
            tenant.principal_mut(self.id)?.application_mut().add_credential(credential.clone())
        };
        self.tenant.change(add)
    }
}
