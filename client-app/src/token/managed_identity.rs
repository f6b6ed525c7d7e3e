//! Managed identities: Azure vouches for what runs on one of its machines, and no credential is needed.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

mod answer;
mod endpoint;
mod error;
mod retry;

use http::header;
use shared::http_client::{HttpClient, read_body};
use shared::ids::{AppIdUri, ClientId, ObjectId};
use tokio::time::Instant;
use url::Position;

pub use endpoint::IdentityEndpoint;
pub use error::ManagedIdentityError;

use super::Token;
use answer::Answer;

/// The largest answer that is read, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Which of the machine's identities is meant, where it is not the system-assigned one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAssigned {
    /// The one with this client id.
    ClientId(ClientId),
    /// The one whose service principal has this object id.
    ObjectId(ObjectId),
    /// The one with this Azure resource id.
    ResourceId(String),
}

/// The identity that Azure gave to what this program runs on, and the resource that it wants a token for.
#[derive(Debug, Clone)]
pub struct ManagedIdentity {
    /// Where the machine answers.
    pub endpoint: IdentityEndpoint,
    /// Which identity; the system-assigned one where there is none.
    pub user_assigned: Option<UserAssigned>,
    /// The resource the token is for.
    pub resource: AppIdUri,
    /// A client that goes through no proxy and gives a connection up after seconds: where there is no such endpoint,
    /// nothing answers at all. [`shared::http_client::metadata_client`] makes one.
    pub http: HttpClient,
}

impl ManagedIdentity {
    /// Asks for a token, again where the endpoint's documentation says so.
    pub(super) async fn token(&self) -> Result<Token, ManagedIdentityError> {
        retry::asking(&self.endpoint, || self.ask()).await
    }

    async fn ask(&self) -> Result<Token, ManagedIdentityError> {
        let asked_at = Instant::now();
        let url = self.endpoint.url(&self.resource, self.user_assigned.as_ref());
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let (name, value) = self.endpoint.header();
        let sent =
            self.http.get(url).header(header::ACCEPT, "application/json").header(name, value).send().await;
        let response = match sent {
            Ok(response) => response,
            Err(error) => return Err(ManagedIdentityError::unreachable(host, error)),
        };
        let (status, headers) = (response.status(), response.headers().clone());
        let body = read_body(response, MAX_BODY).await;
        let token = Answer { host, status, headers, body }.token(asked_at)?;
        tracing::info!(
            resource = %self.resource,
            identity = ?self.user_assigned,
            expires_at = %token.expires_at(),
            "acquired an access token of a managed identity"
        );
        Ok(token)
    }
}
