//! Section `[azure_ad.credential]`: the client's credential.

mod open;

use std::path::{Path, PathBuf};

use entra_shared::ids::{ClientId, ObjectId};
use entra_shared::secret::{CertificatePassword, ClientSecret};
use entra_token::{Algorithm, AssertionAudience, UserAssigned};
use jiff::civil::Date;
use serde::Deserialize;

pub(super) use open::{CLIENT_CERTIFICATE_FILE, SelectedCredential, check_validity, open};

pub(super) const CREDENTIAL: &str = "azure_ad.credential";

/// The kind of a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A client secret.
    Secret,
    /// A certificate with its private key.
    Certificate,
    /// A file with another identity provider's token.
    Federated,
    /// A managed identity, which needs no credential: Azure vouches for the machine.
    ManagedIdentity,
}

/// Section `[azure_ad.credential]`, or an entry of `[[azure_ad.credentials]]`. `Debug` hides secrets.
///
/// All kinds share one type, so that each key has its own environment variable. Each key is allowed for some kinds only.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSettings {
    /// The kind of credential.
    pub kind: CredentialKind,
    /// The client secret.
    pub value: Option<ClientSecret>,
    /// The file with the client secret, the certificate (PEM or PFX) or the federated token.
    pub file: Option<PathBuf>,
    /// The day on which the client secret expires, according to the app registration.
    pub expires_on: Option<Date>,
    /// The file with the private key (PEM), if the certificate's file contains none.
    pub private_key_file: Option<PathBuf>,
    /// The password of the private key.
    pub password: Option<CertificatePassword>,
    /// The file with that password.
    pub password_file: Option<PathBuf>,
    /// The algorithm that signs client assertions.
    pub algorithm: Option<Algorithm>,
    /// The audience of client assertions.
    pub audience: Option<AssertionAudience>,
    /// Whether client assertions contain the certificate chain (`x5c`).
    pub send_chain: Option<bool>,
    /// The client id of a user-assigned managed identity.
    pub client_id: Option<ClientId>,
    /// The object id of a user-assigned managed identity.
    pub object_id: Option<ObjectId>,
    /// The Azure resource id of a user-assigned managed identity.
    pub resource_id: Option<String>,
}

impl CredentialSettings {
    /// Creates settings of a kind in which no other key is set.
    pub(super) fn new(kind: CredentialKind) -> Self {
        Self {
            kind,
            value: None,
            file: None,
            expires_on: None,
            private_key_file: None,
            password: None,
            password_file: None,
            algorithm: None,
            audience: None,
            send_chain: None,
            client_id: None,
            object_id: None,
            resource_id: None,
        }
    }

    /// Checks that the keys fit the kind and each other.
    pub(super) fn check(&self) -> Result<(), String> {
        use CredentialKind::{Certificate, Federated, ManagedIdentity, Secret};
        let keys: [(&str, bool, &[CredentialKind]); 12] = [
            ("value", self.value.is_some(), &[Secret]),
            ("expires_on", self.expires_on.is_some(), &[Secret]),
            ("file", self.file.is_some(), &[Secret, Certificate, Federated]),
            ("private_key_file", self.private_key_file.is_some(), &[Certificate]),
            ("password", self.password.is_some(), &[Certificate]),
            ("password_file", self.password_file.is_some(), &[Certificate]),
            ("algorithm", self.algorithm.is_some(), &[Certificate]),
            ("audience", self.audience.is_some(), &[Certificate]),
            ("send_chain", self.send_chain.is_some(), &[Certificate]),
            ("client_id", self.client_id.is_some(), &[ManagedIdentity]),
            ("object_id", self.object_id.is_some(), &[ManagedIdentity]),
            ("resource_id", self.resource_id.is_some(), &[ManagedIdentity]),
        ];
        if let Some((key, ..)) = keys.iter().find(|(_, is_set, kinds)| *is_set && !kinds.contains(&self.kind))
        {
            return Err(format!(
                "`{key}` does not go with {}; remove it, or correct `kind`",
                self.kind.noun()
            ));
        }
        match (self.kind, &self.value, &self.file) {
            (Secret, None, None) => return Err("`value` or `file` is missing".to_owned()),
            (Secret, Some(_), Some(_)) => {
                return Err("`value` is set as well as `file`; keep one of them".to_owned());
            }
            (Certificate | Federated, ..) => _ = self.file()?,
            (Secret | ManagedIdentity, ..) => (),
        }
        if self.password.is_some() && self.password_file.is_some() {
            return Err("`password` is set as well as `password_file`; keep one of them".to_owned());
        }
        Ok(())
    }

    /// Returns the user-assigned managed identity; `None` means the system-assigned one.
    pub(super) fn user_assigned(&self) -> Result<Option<UserAssigned>, String> {
        let by_client_id = self.client_id.map(UserAssigned::ClientId);
        let by_object_id = self.object_id.map(UserAssigned::ObjectId);
        let by_resource_id = self.resource_id.clone().map(UserAssigned::ResourceId);
        let mut ids = [by_client_id, by_object_id, by_resource_id].into_iter().flatten();
        match (ids.next(), ids.next()) {
            (id, None) => Ok(id),
            _ => Err(
                "names the identity more than once; keep one of `client_id`, `object_id` and `resource_id`"
                    .to_owned(),
            ),
        }
    }

    fn file(&self) -> Result<&Path, String> {
        self.file.as_deref().ok_or_else(|| format!("`file` is missing: the path of {}", self.kind.noun()))
    }
}

impl CredentialKind {
    fn noun(self) -> &'static str {
        match self {
            Self::Secret => "a secret",
            Self::Certificate => "a certificate",
            Self::Federated => "a federated token",
            Self::ManagedIdentity => "a managed identity",
        }
    }
}
