//! Managed identities: Azure authenticates what runs on its machines, so no credential is needed.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>

mod endpoint;
mod error;
mod response;
mod retry;

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::HttpClient;
use entra_shared::ids::{AppIdUri, ClientId, ObjectId};
use http::header;

pub use endpoint::IdentityEndpoint;
pub use error::ManagedIdentityFault;

use super::exchange::SentRequest;
use super::{Token, TokenError};

/// The header with the correlation id, under which Azure's services log it.
///
/// <https://github.com/microsoft/api-guidelines/blob/vNext/azure/Guidelines.md#distributed-tracing--telemetry>
const CLIENT_REQUEST_ID: &str = "x-ms-client-request-id";

/// The timeout of a token request with its retries. It is longer than the 70 seconds that an update of IMDS takes.
pub(super) const TOTAL_TIMEOUT: Duration = Duration::from_mins(2);

/// A user-assigned identity of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserAssigned {
    /// The one with this client id.
    ClientId(ClientId),
    /// The one with this client id, which comes from the variable `AZURE_CLIENT_ID`; errors name the variable.
    AzureClientId(ClientId),
    /// The one whose service principal has this object id.
    ObjectId(ObjectId),
    /// The one with this Azure resource id.
    ResourceId(String),
}

/// A managed identity of the machine, and the resource that the token is for.
#[derive(Debug, Clone)]
pub struct ManagedIdentity {
    /// The endpoint that issues the tokens.
    pub endpoint: IdentityEndpoint,
    /// The user-assigned identity, or none for the system-assigned one.
    pub user_assigned: Option<UserAssigned>,
    /// The resource the token is for.
    pub resource: AppIdUri,
    /// A client without a proxy and with short time limits, since without an endpoint nothing responds.
    ///
    /// [`entra_shared::http_client::metadata_client`] builds one.
    pub http: HttpClient,
}

impl ManagedIdentity {
    /// Requests a token, with the retries that the endpoint's documentation asks for.
    pub(super) async fn token(&self) -> Result<Token, TokenError> {
        retry::with_retries(&self.endpoint, || self.try_once()).await
    }

    async fn try_once(&self) -> Result<Token, TokenError> {
        let url = self.endpoint.url(&self.resource, self.user_assigned.as_ref());
        let sent = SentRequest::new(&url);
        let (name, value) = self.endpoint.header();
        let request = self
            .http
            .get(url)
            .header(header::ACCEPT, "application/json")
            .header(CLIENT_REQUEST_ID, sent.correlation_id.to_string())
            .header(name, value);
        let response = match sent.send(&self.http, request).await {
            Ok(response) => response,
            // Without an endpoint the connection fails; a later failure may be transient.
            Err(error) if error.is_connect() => {
                let (host, source) = (sent.host.clone(), Some(Arc::new(error.without_url())));
                return Err(ManagedIdentityFault::NoEndpoint { host, source }.into());
            }
            Err(error) => return Err(sent.no_response(error)),
        };
        let token = response::token(&response, &self.endpoint, self.user_assigned.as_ref())?;
        tracing::info!(
            resource = %self.resource,
            identity = ?self.user_assigned,
            expires_at = %token.expires_at(),
            correlation_id = %sent.correlation_id,
            "acquired an access token of a managed identity"
        );
        Ok(token)
    }
}
