//! The credentials of a client in addition to its first secret.

use std::time::Duration;

use entra_shared::secret::ClientSecret;
use jiff::{SignedDuration, Timestamp};

use super::client::Client;
use super::new_secret::NewSecret;
use crate::RegistrationError;
use crate::credentials::{Certificate, Credential, FederatedCredential, Secret, SecretHash};

impl Client {
    /// Adds a client secret that is valid from `start` until `end` by the tenant's clock.
    ///
    /// # Errors
    /// The client has too many credentials.
    pub fn add_secret(&self, start: Timestamp, end: Timestamp) -> Result<ClientSecret, RegistrationError> {
        let NewSecret { value, registered } = NewSecret::lasting(self.tenant.clock().now());
        self.add(&Credential::Secret(Secret { start, end, ..registered }))?;
        Ok(value)
    }

    /// Adds a client secret that is accepted only after this time, by the tenant's clock.
    ///
    /// Until then it is refused as wrong (AADSTS7000215). At Entra, new secrets take some seconds to propagate.
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

    /// Removes a client secret, the first one or another; the others stay valid.
    ///
    /// # Errors
    /// The client has no such secret.
    pub fn remove_secret(&self, secret: &ClientSecret) -> Result<(), RegistrationError> {
        let hash = SecretHash::from_secret(secret.expose());
        self.remove(|known| matches!(known, Credential::Secret(known) if known.hash.matches(&hash)))
    }

    /// Removes a certificate: assertions signed with its key are refused from then on.
    ///
    /// # Errors
    /// The bytes are not a certificate, or the client does not have it.
    pub fn remove_certificate(&self, der: &[u8]) -> Result<(), RegistrationError> {
        let certificate = Certificate::from_der(der).map_err(|_| RegistrationError::InvalidCertificate)?;
        self.remove(|known| matches!(known, Credential::Certificate(known) if known.is(&certificate)))
    }

    /// Adds a certificate, with whose key the client may sign assertions.
    ///
    /// The certificate is valid from its `notBefore` until its `notAfter`, by the tenant's clock.
    ///
    /// # Errors
    /// The bytes are not the DER of a certificate with an RSA key of 2048 to 8192 bits.
    pub fn with_certificate(self, der: &[u8]) -> Result<Self, RegistrationError> {
        let certificate = Certificate::from_der(der).map_err(|_| RegistrationError::InvalidCertificate)?;
        self.add(&Credential::Certificate(certificate))?;
        Ok(self)
    }

    /// Adds a federated credential: the client may present an issuer's tokens for this subject and audience.
    ///
    /// The audience is usually `api://AzureADTokenExchange`.
    ///
    /// # Errors
    /// The issuer is neither an https URL nor an http URL of this machine, an argument is empty or longer than 600
    /// characters, or the client already has a federated credential with this issuer and subject.
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

    /// Removes the federated credential with this issuer and subject; its tokens are refused from then on.
    ///
    /// # Errors
    /// The client has no such credential.
    pub fn remove_federated(&self, issuer: &str, subject: &str) -> Result<(), RegistrationError> {
        self.remove(|known| known.is_federated(issuer, subject))
    }

    /// Makes the client a public client, whose credentials are refused.
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
