//! Client secrets.

use jiff::Timestamp;
use shared::secret::ClientSecret;

use super::Proof;

/// A client secret of the app registration: the value of one of its `passwordCredentials`. `Debug` hides it.
#[derive(Debug, Clone)]
pub struct SecretCredential {
    name: String,
    secret: ClientSecret,
    expires_at: Option<Timestamp>,
}

impl SecretCredential {
    /// A secret that is known by its value.
    #[must_use]
    pub fn new(secret: ClientSecret) -> Self {
        Self { name: "client secret".to_owned(), secret, expires_at: None }
    }

    /// What logs call it.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// With the day on which the registration says that it expires.
    #[must_use]
    pub fn expiring_at(mut self, time: Option<Timestamp>) -> Self {
        self.expires_at = time;
        self
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        self.expires_at
    }

    pub(super) fn proof(&self) -> Proof {
        Proof::secret(&self.name, self.secret.clone())
    }
}
