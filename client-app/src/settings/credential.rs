//! Section `[azure_ad.credential]`: what the client proves itself with.

mod choice;
mod kind;
mod opening;

use std::path::PathBuf;

use entra_shared::ids::{ClientId, ObjectId};
use entra_shared::secret::{CertificatePassword, ClientSecret};
use jiff::civil::Date;
use serde::Deserialize;

use entra_token::{Algorithm, AssertionAudience};

pub(super) use choice::{
    CLIENT_CERTIFICATE_FILE, CLIENT_CERTIFICATE_PASSWORD, CLIENT_SECRET, Choice, FEDERATED_TOKEN_FILE,
};
pub(super) use opening::{check_validity, open};

/// The kinds of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A client secret.
    Secret,
    /// A certificate with its private key.
    Certificate,
    /// A token of another identity provider, in a file.
    Federated,
    /// None: the machine vouches for what runs on it.
    ManagedIdentity,
}

/// Section `[azure_ad.credential]`, or an entry of `[[azure_ad.credentials]]`. `Debug` hides what is secret.
///
/// One type for all kinds, so that each key can be set by its variable; `kind` holds which key goes with which kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialSettings {
    /// Which kind it is.
    pub kind: CredentialKind,
    /// The secret itself.
    #[serde(default)]
    pub value: Option<ClientSecret>,
    /// The file of the secret, of the certificate (PEM or PFX) or of the federated token.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// The day on which the secret expires, as the app registration says.
    #[serde(default)]
    pub expires_on: Option<Date>,
    /// The file of the private key (PEM), where the certificate's holds none.
    #[serde(default)]
    pub private_key_file: Option<PathBuf>,
    /// What the private key is encrypted with.
    #[serde(default)]
    pub password: Option<CertificatePassword>,
    /// A file that holds the password.
    #[serde(default)]
    pub password_file: Option<PathBuf>,
    /// How assertions are signed.
    #[serde(default)]
    pub algorithm: Option<Algorithm>,
    /// Whom assertions are for.
    #[serde(default)]
    pub audience: Option<AssertionAudience>,
    /// Whether the certificate and those that vouch for it go along with each assertion.
    #[serde(default)]
    pub send_chain: Option<bool>,
    /// The client id of a user-assigned identity.
    #[serde(default)]
    pub client_id: Option<ClientId>,
    /// The object id of a user-assigned identity.
    #[serde(default)]
    pub object_id: Option<ObjectId>,
    /// The Azure resource id of a user-assigned identity.
    #[serde(default)]
    pub resource_id: Option<String>,
}
