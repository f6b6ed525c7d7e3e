//! Sends the token request to the authority.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::azure_ad::{Authority, Version};
use entra_shared::http_client::{HttpClient, is_untrusted};
use entra_shared::ids::{AppIdUri, ClientId};
use entra_shared::token_endpoint::CLIENT_CREDENTIALS;
use http::{HeaderValue, header};
use tokio::time::{Instant, MissedTickBehavior, timeout};

use super::cache::Attempt;
use super::exchange::SentRequest;
use super::response;
use super::retry_budget::{PROBE_TIMEOUT, RetryBudget};
use super::{Claimant, ConfigurationFault, Credential, Credentials, Outage, Proof, Token, TokenError};

/// The header with this request's correlation id, which Entra repeats in its response, logs and error messages.
const CLIENT_REQUEST_ID: &str = "client-request-id";

/// The header that makes Entra repeat the correlation id in a response header.
const RETURN_CLIENT_REQUEST_ID: &str = "return-client-request-id";

/// A client credentials request with its authority, client and resource. `Debug` hides the credentials.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// The instance and tenant.
    pub authority: Authority,
    /// The client's app registration.
    pub client_id: ClientId,
    /// The credentials that authenticate the client.
    pub credentials: Credentials,
    /// The resource the token is for.
    pub resource: AppIdUri,
    /// The version of the *endpoint*. The resource's registration decides the version of the token.
    pub version: Version,
}

impl TokenRequest {
    /// Tries one credential after another until the authority accepts one.
    pub(super) async fn send(&self, attempt: &Attempt, http: &HttpClient) -> Result<Token, TokenError> {
        let acquisition = Acquisition { request: self, attempt, http, budget: RetryBudget::new(attempt) };
        self.credentials.try_in_order(|credential| acquisition.send_with_retry(credential)).await
    }
}

/// The acquisition of one token, with its retry.
struct Acquisition<'a> {
    request: &'a TokenRequest,
    attempt: &'a Attempt,
    http: &'a HttpClient,
    budget: RetryBudget<'a>,
}

impl Acquisition<'_> {
    async fn send_with_retry(&self, credential: &Credential) -> Result<Token, TokenError> {
        loop {
            let outcome = self.try_once(credential).await;
            let Err(error) = outcome else { return outcome };
            let Some(wait) = self.budget.retry_wait(&error) else { return Err(error) };
            tracing::debug!(%error, ?wait, "retrying the token request");
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends the request once. While it probes an authority that failed, also sends a short request each second.
    ///
    /// So a response that hangs does not hide that the authority has recovered, and a slow response still counts.
    async fn try_once(&self, credential: &Credential) -> Result<Token, TokenError> {
        let limit = self.budget.try_timeout();
        let TokenRequest { client_id, ref authority, .. } = *self.request;
        let claimant = Claimant { client_id, authority };
        let proof = credential.proof(claimant).await?;
        let mut response = pin!(self.send_with(&proof, limit));
        let mut seconds = tokio::time::interval_at(Instant::now() + PROBE_TIMEOUT, PROBE_TIMEOUT);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let short = async {
                seconds.tick().await;
                if !self.attempt.is_probe() {
                    return None;
                }
                let proof = credential.proof(claimant).await.ok()?;
                let outcome = self.send_with(&proof, PROBE_TIMEOUT).await;
                // A wait that the authority named ends the probing.
                let goes_on =
                    matches!(&outcome, Err(TokenError::Unavailable(Outage { retry_after: None, .. })));
                (!goes_on).then_some(outcome)
            };
            tokio::select! {
                outcome = &mut response => return outcome,
                decided = short => if let Some(outcome) = decided { return outcome },
            }
        }
    }

    /// Sends the request and validates the response.
    async fn send_with(&self, proof: &Proof, limit: Duration) -> Result<Token, TokenError> {
        let endpoint = self.request.authority.token_endpoint(self.request.version);
        let sent = SentRequest::new(&endpoint);
        let request = self
            .http
            .post(endpoint)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(CLIENT_REQUEST_ID, sent.correlation_id.to_string())
            .header(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"))
            .form(&self.form(proof));
        let response = match timeout(limit, sent.send(self.http, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) if is_untrusted(&error) => {
                let (host, source) = (sent.host.clone(), Arc::new(error.without_url()));
                return Err(TokenError::Configuration(ConfigurationFault::Untrusted { host, source }));
            }
            Ok(Err(error)) => return Err(sent.no_response(error)),
            Err(_) => return Err(sent.timed_out()),
        };
        let token = response::token(&response, proof)?;
        tracing::info!(
            client_id = %self.request.client_id,
            resource = %self.request.resource,
            credential = proof.credential(),
            expires_at = %token.expires_at(),
            correlation_id = %sent.correlation_id,
            "acquired an access token"
        );
        Ok(token)
    }

    /// Returns the form fields: RFC 6749 section 4.4.2, with the resource as Entra names it.
    ///
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#get-a-token>
    fn form(&self, proof: &Proof) -> Vec<(&'static str, String)> {
        let TokenRequest { client_id, resource, version, .. } = self.request;
        let mut form =
            vec![("grant_type", CLIENT_CREDENTIALS.to_owned()), ("client_id", client_id.to_string())];
        form.push(match version {
            Version::V1 => ("resource", resource.to_string()),
            // Even if the App ID URI ends in a slash, since the audience keeps that slash.
            Version::V2 => ("scope", format!("{resource}/.default")),
        });
        form.extend(self.attempt.claims().map(|claims| ("claims", claims.to_string())));
        form.extend(proof.fields());
        form
    }
}
