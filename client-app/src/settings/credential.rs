//! Section `[azure_ad.credential]`: the client's credential.

mod open;

use std::path::{Path, PathBuf};

use entra_shared::ids::{ClientId, ObjectId};
use entra_shared::secret::{CertificatePassword, ClientSecret};
use entra_token::{Algorithm, AssertionAudience, UserAssigned};
use jiff::civil::Date;
use serde::Deserialize;

pub(super) use open::{CLIENT_CERTIFICATE_FILE, SelectedCredential, check_validity, open};

/// The kind of a credential.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A client secret.
    #[default]
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
#[derive(Debug, Clone, Default, Deserialize)]
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
        let unfit = keys.iter().find(|(_, is_set, kinds)| *is_set && !kinds.contains(&self.kind));
        if let Some((key, ..)) = unfit {
            let kind = self.kind.noun();
            return Err(format!("`{key}` does not go with {kind}; remove it, or correct `kind`"));
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
        let identities = [self.client_id.is_some(), self.object_id.is_some(), self.resource_id.is_some()];
        if identities.into_iter().filter(|is_set| *is_set).count() > 1 {
            return Err(
                "names the identity more than once; keep one of `client_id`, `object_id` and `resource_id`"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// Returns the user-assigned managed identity; `None` means the system-assigned one.
    pub(super) fn user_assigned(&self) -> Option<UserAssigned> {
        let by_client_id = self.client_id.map(UserAssigned::ClientId);
        let by_object_id = self.object_id.map(UserAssigned::ObjectId);
        by_client_id.or(by_object_id).or_else(|| self.resource_id.clone().map(UserAssigned::ResourceId))
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
