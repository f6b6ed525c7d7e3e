//! Where tokens come from.

use reqwest::Client;

use super::{Credentials, ManagedIdentity, Token, TokenError, TokenRequest};

/// Where a retriever's tokens come from.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// The authority, which is asked by a client that proves itself with a credential.
    TokenEndpoint(TokenRequest),
    /// The machine, which vouches for what runs on it.
    ManagedIdentity(ManagedIdentity),
}

impl TokenSource {
    /// What the client proves itself with; a managed identity has nothing of the kind.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::TokenEndpoint(request) => Some(&request.credentials),
            Self::ManagedIdentity(_) => None,
        }
    }

    /// Asks for a token; `http` is for the authority alone.
    pub(super) async fn token(&self, http: &Client) -> Result<Token, TokenError> {
        match self {
            Self::TokenEndpoint(request) => request.send(http).await,
            Self::ManagedIdentity(identity) => Ok(identity.token().await?),
        }
    }
}

impl From<TokenRequest> for TokenSource {
    fn from(request: TokenRequest) -> Self {
        Self::TokenEndpoint(request)
    }
}

impl From<ManagedIdentity> for TokenSource {
    fn from(identity: ManagedIdentity) -> Self {
        Self::ManagedIdentity(identity)
    }
}
