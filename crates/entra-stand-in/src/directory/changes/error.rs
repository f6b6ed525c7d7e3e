//! Why a registration stays as it is.

use entra_shared::ids::{AppIdUri, AppRole, ClientId};

/// Why a registration stays as it is. It is always whoever asked who is to blame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The tenant has no app of this client id.
    #[error("the tenant has no app {0}")]
    UnknownApp(ClientId),
    /// The resource has no such role.
    #[error("the app has no role {0}; add it before it is granted")]
    UnknownRole(AppRole),
    /// The role is for users (Graph refuses such an assignment as well).
    #[error("the role {0} is not for applications")]
    UserRole(AppRole),
    /// The role is disabled: who has it keeps it, and nobody else gets it (Graph refuses such an assignment as well).
    #[error("the role {0} is disabled; set `isEnabled` in the manifest, or grant it in directory.toml")]
    DisabledRole(AppRole),
    /// The text cannot be the value of an app role.
    #[error("the role is {0}")]
    InvalidRole(#[from] entra_shared::ids::InvalidId),
    /// The text cannot be an App ID URI.
    #[error("the App ID URI is {0}")]
    InvalidUri(entra_shared::ids::InvalidId),
    /// Another app of the tenant has this App ID URI.
    #[error("another app of the tenant is {0} already")]
    TakenUri(AppIdUri),
    /// The bytes are no certificate that an app can use.
    #[error("the certificate is not the DER of an X.509 certificate with an RSA key of 2048 to 8192 bits")]
    InvalidCertificate,
    /// The federated credential is none that Graph would take; the text says why.
    #[error("the federated credential: {0}")]
    InvalidFederated(&'static str),
    /// The app has no such secret, certificate or federated credential.
    #[error("the app has no such credential")]
    UnknownCredential,
    /// The time is none that a token lifetime policy can say.
    #[error("a token lasts for 10 minutes to 24 hours, and at most for no shorter a time than at least")]
    InvalidLifetime,
    /// The tenant has as many apps, or the app as many roles or credentials, as it can have.
    #[error("there are {0} already; that is the limit")]
    TooMany(usize),
}
