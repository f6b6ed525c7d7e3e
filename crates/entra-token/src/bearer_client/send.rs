//! Sends one call to an API, with retries.

use std::sync::Arc;

use bytes::Bytes;
use entra_shared::correlation::RequestId;
use entra_shared::http_client::read_body;
use http::StatusCode;
use reqwest::{Request, Response};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::challenge::{Challenge, lacks_role};
use super::retries::{Retries, Step};
use super::{Awaited, BearerClient, CallError};
use crate::{Token, TokenError};

/// The largest body of a refusal that is kept while the call is repeated, in bytes.
const MAX_REFUSAL_BYTES: usize = 64 * 1024;

/// A call under way.
pub(super) struct Call<'c> {
    client: &'c BearerClient,
    deadline: Instant,
}

impl<'c> Call<'c> {
    pub(super) fn new(client: &'c BearerClient) -> Self {
        Self { client, deadline: Instant::now() + client.timeout }
    }

    /// Sends a request until it succeeds, or until repeating it is useless or unsafe.
    pub(super) async fn send(&self, mut request: Request) -> Result<Response, CallError> {
        let mut retries = Retries::new(&request, self.deadline);
        let mut token = self.token().await?;
        let mut was_denied = false;
        loop {
            let copy = request.try_clone();
            let outcome = self.exchange(request, &token).await;
            let outcome = match outcome {
                Ok(response) if response.status() == StatusCode::FORBIDDEN => {
                    let (mut response, lacks_role) = self.denial(response).await?;
                    if !lacks_role {
                        return Ok(response);
                    }
                    let replaced =
                        self.until_deadline(self.client.retriever.token_after_denial(&token)).await;
                    match (replaced, copy) {
                        (Some(Ok(another)), Some(copy)) if !was_denied => {
                            (was_denied, token, request) = (true, another, copy);
                            continue;
                        }
                        (Some(Err(denied)), _) => drop(response.extensions_mut().insert(denied)),
                        _ => {}
                    }
                    return Ok(response);
                }
                outcome => outcome,
            };
            if was_denied && outcome.as_ref().is_ok_and(|response| response.status().is_success()) {
                self.client.retriever.denial_is_over();
            }
            let Some(copy) = copy else { return outcome };
            let (step, outcome) = match outcome {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => match retries.after_refusal(&response) {
                    Some(step) => (step, Ok(buffered(response).await.into())),
                    None => return Ok(response),
                },
                Err(error) => match retries.after_failure(&error) {
                    Some(step) => (step, Err(error)),
                    None => return Err(error),
                },
            };
            let Some(next) = self.prepare(step, &token, &copy).await? else { return outcome };
            token = next;
            request = copy;
        }
    }

    /// Prepares the next attempt at a request and returns its token, or `None` if there will be no further attempt.
    async fn prepare(
        &self,
        step: Step,
        token: &Token,
        request: &Request,
    ) -> Result<Option<Arc<Token>>, CallError> {
        let request_id = RequestId::find(request.headers());
        let request_id = request_id.as_ref().map(tracing::field::display);
        match step {
            Step::NewToken(Challenge::InvalidToken) => {
                tracing::info!(request_id, "the API refused the token; acquiring another");
                if self.client.retriever.reject(token) { self.token().await.map(Some) } else { Ok(None) }
            }
            Step::NewToken(Challenge::InsufficientClaims(claims)) => {
                tracing::info!(request_id, "the API demands claims; acquiring a token that has them");
                self.wait_for(self.client.retriever.token_with_claims(&claims)).await.map(Some)
            }
            Step::Wait(wait) => {
                tracing::debug!(request_id, ?wait, "calling the API again after a wait");
                match self.client.shutdown.run_until_cancelled(sleep(wait)).await {
                    Some(()) => self.token().await.map(Some),
                    None => Ok(None),
                }
            }
        }
    }

    /// Returns a usable token.
    pub(super) async fn token(&self) -> Result<Arc<Token>, CallError> {
        match self.client.retriever.cached_token() {
            Some(token) => Ok(token),
            None => self.wait_for(self.client.retriever.token()).await,
        }
    }

    /// Waits for a token until the deadline or the shutdown.
    async fn wait_for(
        &self,
        token: impl Future<Output = Result<Arc<Token>, TokenError>>,
    ) -> Result<Arc<Token>, CallError> {
        tokio::select! {
            // The token first, so that one that is ready wins over a shutdown.
            biased;
            token = token => Ok(token?),
            () = self.client.shutdown.cancelled() => Err(CallError::ShuttingDown),
            () = sleep_until(self.deadline) => Err(self.timed_out(Awaited::Token)),
        }
    }

    /// Waits until the deadline or the shutdown, and returns `None` then.
    async fn until_deadline<T>(&self, pending: impl Future<Output = T>) -> Option<T> {
        let pending = self.client.shutdown.run_until_cancelled(pending);
        timeout_at(self.deadline, pending).await.ok().flatten()
    }

    /// Returns whether a 403 is caused by a missing role, according to its body if it is small, or else to its header.
    async fn denial(&self, response: Response) -> Result<(Response, bool), CallError> {
        if response.content_length().is_some_and(|length| length > MAX_REFUSAL_BYTES as u64) {
            let lacks_role = lacks_role(response.headers(), b"");
            return Ok((response, lacks_role));
        }
        let whole = timeout_at(self.deadline, buffered(response)).await;
        let whole = whole.map_err(|_| self.timed_out(Awaited::Response))?;
        let lacks_role = lacks_role(whole.headers(), whole.body());
        Ok((whole.into(), lacks_role))
    }

    /// Sends the request once. Tokens are attached here and nowhere else.
    async fn exchange(&self, mut request: Request, token: &Arc<Token>) -> Result<Response, CallError> {
        request.headers_mut().insert(http::header::AUTHORIZATION, token.authorization().clone());
        let response = timeout_at(self.deadline, self.client.http.execute(request)).await;
        let mut response = response
            .map_err(|_| self.timed_out(Awaited::Response))?
            .map_err(|error| CallError::Request(error.without_url()))?;
        response.extensions_mut().insert(Arc::clone(token));
        Ok(response)
    }

    fn timed_out(&self, awaited: Awaited) -> CallError {
        CallError::TimedOut { awaited, limit: self.client.timeout }
    }
}

/// Reads the body to its end, so that the connection can be used for the next attempt.
///
/// A body that is too large or incomplete becomes empty, since the status is enough.
async fn buffered(mut response: Response) -> http::Response<Bytes> {
    let mut kept = http::Response::new(Bytes::new());
    *kept.status_mut() = response.status();
    *kept.headers_mut() = std::mem::take(response.headers_mut());
    *kept.extensions_mut() = std::mem::take(response.extensions_mut());
    *kept.body_mut() = read_body(response, MAX_REFUSAL_BYTES).await.unwrap_or_default();
    kept
}
