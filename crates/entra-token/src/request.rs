//! The token request on the wire.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use entra_shared::azure_ad::{Authority, Version};
use entra_shared::http_client::{self, BodyError, HttpClient};
use entra_shared::ids::{AppIdUri, ClientId};
use entra_shared::token_endpoint::CLIENT_CREDENTIALS;
use http::{HeaderValue, header};
use reqwest::RequestBuilder;
use tokio::time::{Instant, MissedTickBehavior};
use url::Position;
use uuid::Uuid;

use super::cache::Ask;
use super::credential::Attempts;
use super::patience::{Patience, SHORT_TRY};
use super::response::{Answer, Asked};
use super::{
    Claimant, ConfigurationFault, Credentials, Outage, OutageCause, Proof, RequestIds, Token, TokenError,
};

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
    pub(super) async fn send(&self, ask: &Ask, http: &HttpClient) -> Result<Token, TokenError> {
        let claimant = Claimant { client_id: self.client_id, authority: &self.authority };
        let mut patience = Patience::new(ask);
        let mut attempts = self.credentials.attempts(claimant).await;
        loop {
            match self.attempt(&mut attempts, ask, http, patience.one_try()).await {
                Ok(token) => {
                    attempts.succeeded();
                    return Ok(token);
                }
                Err(error) => match patience.wait(&error) {
                    Some(wait) => {
                        tracing::debug!(%error, ?wait, "asking the authority again");
                        tokio::time::sleep(wait).await;
                    }
                    None => attempts.failed(error).await?,
                },
            }
        }
    }

    /// One try. While it is a probe of an authority that has failed, a short one goes beside it each second: an answer
    /// that hangs does not hide that the authority is back, and one that takes its time still counts.
    async fn attempt(
        &self,
        attempts: &mut Attempts<'_>,
        ask: &Ask,
        http: &HttpClient,
        limit: Duration,
    ) -> Result<Token, TokenError> {
        let proof = attempts.proof().await?;
        let mut patient = pin!(self.send_with(&proof, ask, http, limit));
        let mut seconds = tokio::time::interval_at(Instant::now() + SHORT_TRY, SHORT_TRY);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let short = async {
                seconds.tick().await;
                if !ask.is_probe() {
                    return None;
                }
                let proof = attempts.proof().await.ok()?;
                let outcome = self.send_with(&proof, ask, http, SHORT_TRY).await;
                // An authority that says when to come back is asked no more until then.
                let goes_on =
                    matches!(&outcome, Err(TokenError::Unavailable(Outage { retry_after: None, .. })));
                (!goes_on).then_some(outcome)
            };
            tokio::select! {
                outcome = &mut patient => return outcome,
                decided = short => if let Some(outcome) = decided { return outcome },
            }
        }
    }

    /// Sends the request and checks the answer.
    async fn send_with(
        &self,
        proof: &Proof,
        ask: &Ask,
        http: &HttpClient,
        limit: Duration,
    ) -> Result<Token, TokenError> {
        let asked = Asked { at: Instant::now(), correlation_id: Uuid::new_v4(), proof };
        let endpoint = self.authority.token_endpoint(self.version);
        let host = endpoint[Position::BeforeHost..Position::AfterPort].to_owned();
        let request = http
            .post(endpoint)
            .header(header::ACCEPT, HeaderValue::from_static("application/json"))
            .header(CLIENT_REQUEST_ID, asked.correlation_id.to_string())
            .header(RETURN_CLIENT_REQUEST_ID, HeaderValue::from_static("true"))
            .form(&self.form(proof, ask));
        let answer = match tokio::time::timeout(limit, exchange(http, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(no_answer(error, host, asked.correlation_id)),
            Err(_) => return Err(outage(OutageCause::TimedOut { host }, asked.correlation_id)),
        };
        let token = answer.token(&asked)?;
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
    fn form(&self, proof: &Proof, ask: &Ask) -> Vec<(&'static str, String)> {
        let mut form =
            vec![("grant_type", CLIENT_CREDENTIALS.to_owned()), ("client_id", self.client_id.to_string())];
        form.push(match self.version {
            Version::V1 => ("resource", self.resource.to_string()),
            // To the letter, even after an App ID URI that ends in a slash: the audience keeps that slash.
            Version::V2 => ("scope", format!("{}/.default", self.resource)),
        });
        form.extend(ask.claims().map(|claims| ("claims", claims.to_owned())));
        form.extend(proof.fields());
        form
    }
}

/// Sends the request and reads the answer to its end.
async fn exchange(http: &HttpClient, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = http.send(request).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let body = match http_client::read_body(response, MAX_BODY_BYTES).await {
        Err(BodyError::BrokenOff(error)) if error.is_timeout() => return Err(error),
        body => body,
    };
    Ok(Answer { status, headers, body })
}

fn no_answer(error: reqwest::Error, host: String, correlation_id: Uuid) -> TokenError {
    let (is_untrusted, is_timeout) = (http_client::is_untrusted(&error), error.is_timeout());
    let source = Arc::new(error.without_url());
    if is_untrusted {
        TokenError::Configuration(ConfigurationFault::Untrusted { host, source })
    } else if is_timeout {
        outage(OutageCause::TimedOut { host }, correlation_id)
    } else {
        outage(OutageCause::Unreachable { host, source }, correlation_id)
    }
}

fn outage(cause: OutageCause, correlation_id: Uuid) -> TokenError {
    let ids = RequestIds { correlation_id, trace_id: None };
    TokenError::Unavailable(Outage { cause, retry_after: None, ids })
}
