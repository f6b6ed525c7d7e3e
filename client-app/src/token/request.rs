//! The token request on the wire.

use std::sync::Arc;

use http::{HeaderValue, header};
use reqwest::Client;
use shared::azure_ad::{Authority, Version};
use shared::http_client;
use shared::ids::{AppIdUri, ClientId};
use shared::token_endpoint::CLIENT_CREDENTIALS;
use tokio::time::Instant;
use url::Position;
use uuid::Uuid;

use super::response::{Answer, Asked};
use super::{Claimant, Credentials, Proof, Token, TokenError};

/// The largest answer that is read, in bytes; real ones have a few thousand.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The request's own id, which Entra repeats in its answer, its logs and its error texts.
const CLIENT_REQUEST_ID: &str = "client-request-id";

/// Asks Entra to repeat the id in a header of its answer.
const RETURN_CLIENT_REQUEST_ID: &str = "return-client-request-id";

/// Who asks which authority for a token, and for which resource. `Debug` hides the credentials.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The tenant, at its instance.
    pub authority: Authority,
    /// The app registration of the client.
    pub client_id: ClientId,
    /// What the client proves itself with.
    pub credentials: Credentials,
    /// The resource the token is for.
    pub resource: AppIdUri,
    /// The version of the *endpoint*; the resource's registration decides the version of the token.
    pub version: Version,
}

impl TokenRequest {
    /// Asks with one credential after another, until the authority takes one.
    pub(super) async fn send(&self, http: &Client) -> Result<Token, TokenError> {
        let claimant = Claimant { client_id: self.client_id, authority: &self.authority };
        let mut attempts = self.credentials.attempts(claimant).await;
        loop {
            let outcome = match attempts.proof().await {
                Ok(proof) => self.send_with(&proof, http).await,
                Err(error) => Err(error.into()),
            };
            match outcome {
                Ok(token) => {
                    attempts.succeeded();
                    return Ok(token);
                }
                Err(error) => attempts.failed(error).await?,
            }
        }
    }

    /// Sends the request and checks the answer.
    async fn send_with(&self, proof: &Proof, http: &Client) -> Result<Token, TokenError> {
        let asked = Asked { at: Instant::now(), correlation_id: Uuid::new_v4(), proof };
        let endpoint = self.authority.token_endpoint(self.version);
        let host = endpoint[Position::BeforeHost..Position::AfterPort].to_owned();
        let sent = http
            .post(endpoint)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(CLIENT_REQUEST_ID, asked.correlation_id.to_string())
            .header(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"))
            .form(&self.form(proof))
            .send()
            .await;
        let response = sent.map_err(|error| TokenError::Unreachable {
            host,
            correlation_id: asked.correlation_id,
            source: Arc::new(error.without_url()),
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http_client::read_body(response, MAX_BODY_BYTES).await;
        let token = Answer { status, headers, body }.token(&asked)?;
        tracing::info!(
            client_id = %self.client_id,
            resource = %self.resource,
            credential = proof.credential(),
            expires_at = %token.expires_at(),
            correlation_id = %asked.correlation_id,
            "acquired an access token"
        );
        Ok(token)
    }

    /// The fields of the form: RFC 6749 section 4.4.2, with Entra's way to name the resource.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#get-a-token>
    fn form(&self, proof: &Proof) -> Vec<(&'static str, String)> {
        let mut form =
            vec![("grant_type", CLIENT_CREDENTIALS.to_owned()), ("client_id", self.client_id.to_string())];
        form.push(match self.version {
            Version::V1 => ("resource", self.resource.to_string()),
            // To the letter, even after an App ID URI that ends in a slash: the audience keeps that slash.
            Version::V2 => ("scope", format!("{}/.default", self.resource)),
        });
        form.extend(proof.fields());
        form
    }
}
