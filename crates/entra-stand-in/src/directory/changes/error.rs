//! Why a registration could not be changed.

use entra_shared::ids::{AppIdUri, AppRole, ClientId};

/// Why a registration could not be changed; the caller's argument is always the cause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistrationError {
    /// The tenant has no app with this client id.
    #[error("the tenant has no app {0}")]
    UnknownApp(ClientId),
    /// The resource has no such role.
    #[error("the app has no role {0}; add it before it is granted")]
    UnknownRole(AppRole),
    /// The role is for users (Graph refuses such an assignment as well).
    #[error("the role {0} is not for applications")]
    UserRole(AppRole),
    /// The role is disabled and cannot be granted (Graph refuses such an assignment as well).
    #[error("the role {0} is disabled; set `isEnabled` in the manifest, or grant it in directory.toml")]
    DisabledRole(AppRole),
    /// The text is not a valid app role value.
    #[error("the role is {0}")]
    InvalidRole(#[from] entra_shared::ids::InvalidId),
    /// The text is not a valid App ID URI.
    #[error("the App ID URI is {0}")]
    InvalidUri(entra_shared::ids::InvalidId),
    /// Another app of the tenant has this App ID URI.
    #[error("another app of the tenant already has the App ID URI {0}")]
    TakenUri(AppIdUri),
    /// The bytes are not a certificate that an app can use.
    #[error(
        "the certificate is not the DER (over HTTP: PEM, or DER in base64) of an X.509 certificate with an RSA key of 2048 to 8192 bits"
    )]
    InvalidCertificate,
    /// Graph would refuse the federated credential, for this reason.
    #[error("the federated credential: {0}")]
    InvalidFederated(&'static str),
    /// The app has no such secret, certificate or federated credential.
    #[error("the app has no such credential")]
    UnknownCredential,
    /// A token lifetime policy cannot have this lifetime.
    #[error("a token lifetime is 10 minutes to 24 hours, and the maximum is at least the minimum")]
    InvalidLifetime,
    /// The tenant has too many apps, or the app too many roles or credentials.
    #[error("the limit of {0} is reached")]
    TooMany(usize),
}
