//! What a client proves itself with.

use shared::secret::ClientSecret;

/// The proof that a token request carries. `Debug` hides it.
#[derive(Debug, Clone)]
pub enum Credential {
    /// A client secret of the app registration.
    Secret(ClientSecret),
}

impl Credential {
    /// The fields of the form that carry the proof (RFC 6749 section 2.3.1).
    ///
    /// In the body rather than in HTTP Basic: Entra documents the body for both versions of its endpoint.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Secret(secret) => vec![("client_secret", secret.expose().to_owned())],
        }
    }

    /// Takes the proof out of a text that came from elsewhere.
    pub(super) fn redact(&self, text: &str) -> String {
        match self {
            Self::Secret(secret) => text.replace(secret.expose(), "[redacted]"),
        }
    }
}
