//! Builds a retriever from values or from the environment.

use entra_shared::azure_ad::{Authority, Version};
use entra_shared::http_client::HttpClient;
use entra_shared::ids::{AppIdUri, ClientId};

use crate::environment::{self, EnvironmentError, Identity};
use crate::{Credentials, ManagedIdentity, TokenRequest, TokenRetriever};

/// Builds a [`TokenRetriever`]; see [`TokenRetriever::builder`].
#[derive(Debug)]
#[must_use = "nothing is built until `build` is called"]
pub struct TokenRetrieverBuilder {
    identity: Identity,
    version: Version,
    http: Option<HttpClient>,
}

/// Why no retriever can be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The environment does not name a usable client.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The resource is not an App ID URI.
    #[error("the resource is not an App ID URI: {0}")]
    Resource(String),
    /// No HTTP client can be built.
    #[error("no HTTP client can be built: {0}")]
    HttpClient(String),
}

impl TokenRetriever {
    /// Starts to build a retriever for a client that authenticates with a credential.
    ///
    /// [`Credentials`] are made from a [`ClientSecret`](crate::ClientSecret) or from any
    /// [`Credential`](crate::Credential). They may hold several, which are tried in turn.
    pub fn builder(
        authority: Authority,
        client_id: ClientId,
        credentials: impl Into<Credentials>,
    ) -> TokenRetrieverBuilder {
        let credentials = credentials.into();
        TokenRetrieverBuilder::new(Identity::Client { authority, client_id, credentials })
    }

    /// Builds a retriever of tokens for `resource`, an App ID URI such as `api://orders`, from environment variables.
    ///
    /// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_AUTHORITY_HOST` (Entra's public cloud by default) name the client.
    /// The first of these that is set is its credential: `AZURE_CLIENT_SECRET`; `AZURE_CLIENT_CERTIFICATE_PATH` with
    /// `AZURE_CLIENT_CERTIFICATE_PASSWORD`; `AZURE_FEDERATED_TOKEN_FILE`. A managed identity is used only if
    /// `AZURE_TOKEN_CREDENTIALS` is `ManagedIdentityCredential`; then `AZURE_CLIENT_ID` names a user-assigned one.
    /// <https://learn.microsoft.com/azure/developer/go/azure-sdk-authentication#environment-variables>
    ///
    /// # Errors
    /// A variable is missing or malformed, or a file that it names is unusable.
    pub fn from_env(resource: &str) -> Result<Self, BuildError> {
        TokenRetrieverBuilder::from_env()?.build(resource)
    }
}

impl TokenRetrieverBuilder {
    fn new(identity: Identity) -> Self {
        Self { identity, version: Version::V2, http: None }
    }

    /// Reads the environment variables that [`TokenRetriever::from_env`] lists.
    ///
    /// # Errors
    /// A variable is missing or malformed, or a file that it names is unusable.
    pub fn from_env() -> Result<Self, EnvironmentError> {
        environment::identity(|name| std::env::var(name).ok()).map(Self::new)
    }

    /// Sets the version of the token *endpoint*, v2.0 by default. The resource's registration decides the token's version.
    pub fn version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// Sends token requests with this client. A managed identity's endpoint always gets a client of its own.
    pub fn http_client(self, http: HttpClient) -> Self {
        Self { http: Some(http), ..self }
    }

    /// Sends token requests with a client built from this builder. Time limits and *no redirects* are set on it.
    ///
    /// # Errors
    ///
    /// No client can be built from it.
    pub fn reqwest(self, builder: reqwest::ClientBuilder) -> Result<Self, BuildError> {
        Ok(self.http_client(HttpClient::from_builder(builder).map_err(no_http_client)?))
    }

    /// Builds a retriever of tokens for `resource`, an App ID URI. It holds no token until one is needed.
    ///
    /// # Errors
    /// The resource is malformed, or no HTTP client can be built.
    pub fn build(self, resource: &str) -> Result<TokenRetriever, BuildError> {
        let resource = AppIdUri::parse(resource).map_err(|error| BuildError::Resource(error.to_string()))?;
        let http = self.http.map_or_else(|| HttpClient::trusting(""), Ok).map_err(no_http_client)?;
        let Self { identity, version, .. } = self;
        Ok(match identity {
            Identity::Client { authority, client_id, credentials } => TokenRetriever::new(
                TokenRequest { authority, client_id, credentials, resource, version },
                http,
            ),
            Identity::Managed { endpoint, user_assigned } => {
                let metadata = entra_shared::http_client::metadata_client().map_err(no_http_client)?;
                TokenRetriever::new(
                    ManagedIdentity { endpoint, user_assigned, resource, http: metadata },
                    http,
                )
            }
        })
    }
}

fn no_http_client(error: impl std::fmt::Display) -> BuildError {
    BuildError::HttpClient(error.to_string())
}
