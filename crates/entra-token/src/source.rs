//! The sources of tokens: a token endpoint or a managed identity.

use std::time::Duration;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::AppIdUri;

use super::cache::Attempt;
use super::{Credentials, ManagedIdentity, Token, TokenError, TokenRequest, managed_identity, retry_budget};

/// The source of a retriever's tokens.
#[derive(Debug, Clone)]
pub enum TokenSource {
    /// The authority's token endpoint, where a client authenticates with a credential.
    TokenEndpoint(TokenRequest),
    /// The machine's endpoint for managed identities, which needs no credential.
    ManagedIdentity(ManagedIdentity),
}

impl TokenSource {
    /// Returns the client's credentials. None for a managed identity.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        match self {
            Self::TokenEndpoint(request) => Some(&request.credentials),
            Self::ManagedIdentity(_) => None,
        }
    }

    /// Returns the resource that tokens are for.
    #[must_use]
    pub fn resource(&self) -> &AppIdUri {
        match self {
            Self::TokenEndpoint(request) => &request.resource,
            Self::ManagedIdentity(identity) => &identity.resource,
        }
    }

    /// Returns the source of the same client's tokens for another resource.
    #[must_use]
    pub fn for_resource(&self, resource: AppIdUri) -> Self {
        match self.clone() {
            Self::TokenEndpoint(request) => TokenRequest { resource, ..request }.into(),
            Self::ManagedIdentity(identity) => ManagedIdentity { resource, ..identity }.into(),
        }
    }

    /// Returns the time limit for a request, which is a margin more than the request's own limit with all retries.
    pub(super) fn limit(&self) -> Duration {
        const MARGIN: Duration = Duration::from_secs(5);
        MARGIN
            + match self {
                Self::TokenEndpoint(_) => retry_budget::TOTAL_TIMEOUT,
                Self::ManagedIdentity(_) => managed_identity::TOTAL_TIMEOUT,
            }
    }

    /// Requests a token. `http` is used for the authority only.
    ///
    /// The endpoint for managed identities takes no claims, so its tokens do not answer a claims challenge.
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
