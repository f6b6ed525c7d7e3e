//! One call of the resource, from its token to its answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_shared::http_client::{self, BodyError};
use reqwest::{Request, RequestBuilder};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::attempts::{Attempts, Step};
use super::{Answer, Awaited, CallIds, Correlation, MAX_BODY_BYTES, Refused, ResourceClient, ResourceError};
use entra_token::{Token, TokenError};

/// The largest answer that is read, in bytes, where it is not a success: its words are looked through for the token, and
/// passed on.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// A call that is under way.
pub(super) struct Call<'c> {
    client: &'c ResourceClient,
    correlation: Correlation,
    limit: Duration,
    deadline: Instant,
}

impl<'c> Call<'c> {
    pub(super) fn of(client: &'c ResourceClient) -> Self {
        let correlation = client.correlation.clone().unwrap_or_default();
        Self { client, correlation, limit: client.limit, deadline: Instant::now() + client.limit }
    }

    /// Sends a request until it is answered, or fails in a way that sending it again does not mend. It is made anew for
    /// each try: most have one, which needs no copy.
    pub(super) async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, ResourceError> {
        let built = || request().build().map_err(|error| self.unreachable(error));
        let mut request = built()?;
        let mut attempts = Attempts::new(&request, self.deadline);
        let mut token = self.token().await?;
        loop {
            let (step, error) = match self.once(request, &token).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => {
                    let refused = Refused::new(&answer, token.access_token());
                    let step = attempts.after_refusal(&refused, &answer.headers);
                    (step, ResourceError::Refused(Box::new(refused)))
                }
                Err(error) => (attempts.after_failure(&error), error),
            };
            token = self.prepared(step, &token, error).await?;
            request = built()?;
        }
    }

    /// Does what comes before the next try, and returns the token for it; the error, where there is to be none.
    async fn prepared(
        &self,
        step: Step,
        token: &Token,
        error: ResourceError,
    ) -> Result<Arc<Token>, ResourceError> {
        let request_id = self.correlation.request_id();
        match step {
            Step::NewToken => {
                tracing::info!(%request_id, "the resource refused the token; acquiring another");
                if self.client.retriever.reject(token) { self.token().await } else { Err(error) }
            }
            Step::Claims(claims) => {
                tracing::info!(%request_id, "the resource demands further claims; acquiring a token with them");
                self.awaited(self.client.retriever.token_with_claims(&claims)).await
            }
            Step::Wait(wait) => {
                tracing::debug!(%request_id, ?wait, %error, "calling the resource again after a wait");
                match self.client.ending.run_until_cancelled(sleep(wait)).await {
                    Some(()) => self.token().await,
                    None => Err(error),
                }
            }
            Step::GiveUp => Err(error),
        }
    }

    /// A usable token.
    pub(super) async fn token(&self) -> Result<Arc<Token>, ResourceError> {
        match self.client.retriever.token_at_hand() {
            Some(token) => Ok(token),
            None => self.awaited(self.client.retriever.token()).await,
        }
    }

    /// A token that is waited for until the call has taken too long, or the process is to end.
    async fn awaited(
        &self,
        token: impl Future<Output = Result<Arc<Token>, TokenError>>,
    ) -> Result<Arc<Token>, ResourceError> {
        tokio::select! {
            // The token first: where one is at hand, nothing is waited for.
            biased;
            token = token => Ok(token?),
            () = self.client.ending.cancelled() => Err(ResourceError::Ending(self.ids())),
            () = sleep_until(self.deadline) => Err(self.timed_out(Awaited::Token)),
        }
    }

    /// The one place that attaches the token.
    async fn once(&self, mut request: Request, token: &Token) -> Result<Answer, ResourceError> {
        request.headers_mut().insert(http::header::AUTHORIZATION, token.authorization().clone());
        self.correlation.propagate(request.headers_mut());
        timeout_at(self.deadline, self.exchange(request))
            .await
            .unwrap_or_else(|_| Err(self.timed_out(Awaited::Resource)))
    }

    async fn exchange(&self, request: Request) -> Result<Answer, ResourceError> {
        let mut response =
            self.client.http.execute(request).await.map_err(|error| self.unreachable(error))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let limit = if status.is_success() { MAX_BODY_BYTES } else { MAX_PROBLEM_BYTES };
        let body = match http_client::read_bytes(response, limit).await {
            // The status says enough, and nothing that large is a problem.
            Err(BodyError::TooLarge(_)) if !status.is_success() => Bytes::new(),
            body => body.map_err(|source| ResourceError::Body { status, ids: self.ids(), source })?,
        };
        Ok(Answer { status, headers, body, correlation: self.correlation.clone() })
    }

    fn unreachable(&self, error: reqwest::Error) -> ResourceError {
        ResourceError::Unreachable { ids: self.ids(), source: error.without_url() }
    }

    fn ids(&self) -> CallIds {
        self.correlation.ids()
    }

    fn timed_out(&self, awaited: Awaited) -> ResourceError {
        ResourceError::TimedOut { awaited, limit: self.limit, ids: self.ids() }
    }
}
