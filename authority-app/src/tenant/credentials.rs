//! What a client proves itself with beside its first secret.

use jiff::Timestamp;
use shared::secret::ClientSecret;
use uuid::Uuid;

use super::Client;
use super::client::new_secret;
use crate::RegistrationError;
use crate::credentials::{Certificate, Credential, FederatedCredential, Secret, SecretHash};

impl Client {
    /// Gives it a further secret, which counts from `start` until `end` by the tenant's clock.
    ///
    /// # Errors
    /// The client has too many credentials.
    pub fn add_secret(&self, start: Timestamp, end: Timestamp) -> Result<ClientSecret, RegistrationError> {
        let secret = new_secret();
        let hash = SecretHash::of(secret.expose());
        self.add(&Credential::Secret(Secret { key_id: Uuid::new_v4(), hash, start, end }))?;
        Ok(secret)
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
    /// The issuer is not an https URL, nor an http one of this machine; or a text is empty or too long.
    pub fn with_federated(
        self,
        issuer: &str,
        subject: &str,
        audience: &str,
    ) -> Result<Self, RegistrationError> {
        let credential = FederatedCredential {
            name: Uuid::new_v4().to_string(),
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audiences: vec![audience.to_owned()],
        };
        credential.check().map_err(RegistrationError::InvalidFederated)?;
        self.add(&Credential::Federated(credential))?;
        Ok(self)
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

    fn add(&self, credential: &Credential) -> Result<(), RegistrationError> {
        let add = |tenant: &mut crate::directory::Tenant| {
            tenant.principal_mut(self.id)?.application_mut().add_credential(credential.clone())
        };
        self.tenant.change(add)
    }
}
