//! Where tokens come from.

use std::time::Duration;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::AppIdUri;

use super::cache::Attempt;
use super::{Credentials, ManagedIdentity, Token, TokenError, TokenRequest, managed_identity, retry_budget};

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

    /// The resource that tokens are for.
    #[must_use]
    pub fn resource(&self) -> &AppIdUri {
        match self {
            Self::TokenEndpoint(request) => &request.resource,
            Self::ManagedIdentity(identity) => &identity.resource,
        }
    }

    /// The same client's way to tokens for another resource.
    #[must_use]
    pub fn for_resource(&self, resource: AppIdUri) -> Self {
        match self.clone() {
            Self::TokenEndpoint(request) => TokenRequest { resource, ..request }.into(),
            Self::ManagedIdentity(identity) => ManagedIdentity { resource, ..identity }.into(),
        }
    }

    /// How long a request may take, whatever holds it up: a little more than it gives itself.
    pub(super) fn limit(&self) -> Duration {
        const MARGIN: Duration = Duration::from_secs(5);
        MARGIN
            + match self {
                Self::TokenEndpoint(_) => retry_budget::TOTAL_TIMEOUT,
                Self::ManagedIdentity(_) => managed_identity::TOTAL_TIMEOUT,
            }
    }

    /// Asks for a token; `http` is for the authority alone.
    ///
    /// A managed identity's endpoint takes no claims: it answers a challenge with what it has.
    pub(super) async fn token(&self, attempt: &Attempt, http: &HttpClient) -> Result<Token, TokenError> {
        match self {
            Self::TokenEndpoint(request) => request.send(attempt, http).await,
            Self::ManagedIdentity(identity) => identity.token().await,
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
