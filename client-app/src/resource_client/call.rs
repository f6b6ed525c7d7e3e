//! One call of the resource, and how often it is made.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, Request};
use shared::http_client;
use tokio::time::Instant;

use super::challenge::Challenge;
use super::{Answer, Correlation, IDEMPOTENCY_KEY, MAX_BODY_BYTES, Refused, ResourceError};
use crate::token::{Token, TokenRetriever};

/// How long a call may take in all, its repetitions and what it waits before them included.
///
/// Less than the 30 s that the web service gives its own callers, so that they learn what was wrong.
const TOTAL: Duration = Duration::from_secs(25);

/// How often a call is made again because the resource asked to wait.
const MOST_WAITS: u32 = 3;

/// What a call is made with.
pub(super) struct Call<'c> {
    pub(super) http: &'c Client,
    pub(super) retriever: &'c TokenRetriever,
    pub(super) correlation: &'c Correlation,
}

/// What becomes of a refusal.
enum Step {
    /// Drop the token, and send another.
    NewToken,
    /// Send a token with these claims.
    Claims(String),
    /// Send the same again after a time.
    Wait(Duration),
    /// Nothing: the caller learns of it.
    GiveUp,
}

struct Attempts {
    deadline: Instant,
    /// A refused token is replaced once; a second refusal is no matter of the token.
    replaced: bool,
    waits: u32,
    repeatable: bool,
}

impl Call<'_> {
    /// Sends a request until it is answered, or refused in a way that sending it again does not mend.
    ///
    /// A 401 says that nothing was done, so every request may be sent again after one. A 429 or 503 may come from
    /// anywhere on the way: after it only those are sent again that can be sent twice without harm.
    pub(super) async fn send(&self, request: &Request) -> Result<Answer, ResourceError> {
        let mut attempts = Attempts::new(request);
        let mut token = self.retriever.token().await?;
        loop {
            let (refused, headers) = match self.once(copy(request), &token).await? {
                Ok(answer) => return Ok(answer),
                Err(refused) => refused,
            };
            let step = attempts.next(&refused, &headers);
            token = match step {
                Step::NewToken => {
                    tracing::info!(request_id = %self.correlation.request_id(), "the resource refused the token; acquiring another");
                    if !self.retriever.reject(&token) {
                        return Err(ResourceError::Refused(Box::new(refused)));
                    }
                    self.retriever.token().await?
                }
                Step::Claims(claims) => {
                    tracing::info!(request_id = %self.correlation.request_id(), "the resource demands further claims; acquiring a token with them");
                    self.retriever.token_with_claims(&claims).await?
                }
                Step::Wait(wait) => {
                    tracing::debug!(?wait, status = refused.status.as_u16(), "the resource asked to wait");
                    tokio::time::sleep(wait).await;
                    self.retriever.token().await?
                }
                Step::GiveUp => return Err(ResourceError::Refused(Box::new(refused))),
            };
        }
    }

    /// The one place that attaches the token.
    async fn once(
        &self,
        mut request: Request,
        token: &Arc<Token>,
    ) -> Result<Result<Answer, (Refused, HeaderMap)>, ResourceError> {
        request.headers_mut().insert(http::header::AUTHORIZATION, token.authorization().clone());
        self.correlation.propagate(request.headers_mut());
        let request_id = || self.correlation.request_id().clone();
        let response = self.http.execute(request).await.map_err(|error| ResourceError::Unreachable {
            request_id: request_id(),
            source: error.without_url(),
        })?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = http_client::read_body(response, MAX_BODY_BYTES)
            .await
            .map_err(|source| ResourceError::Body { status, request_id: request_id(), source })?;
        if status.is_success() {
            return Ok(Ok(Answer { status, headers, body, request_id: request_id() }));
        }
        Ok(Err((Refused::new(status, &headers, &body, self.correlation), headers)))
    }
}

impl Attempts {
    fn new(request: &Request) -> Self {
        let repeatable = [Method::GET, Method::HEAD, Method::PUT, Method::DELETE].contains(request.method())
            || request.headers().contains_key(IDEMPOTENCY_KEY);
        Self { deadline: Instant::now() + TOTAL, replaced: false, waits: 0, repeatable }
    }

    fn next(&mut self, refused: &Refused, headers: &HeaderMap) -> Step {
        match refused.status {
            StatusCode::UNAUTHORIZED if !self.replaced => match Challenge::of(headers) {
                Some(challenge) => {
                    self.replaced = true;
                    match challenge {
                        Challenge::InvalidToken => Step::NewToken,
                        Challenge::InsufficientClaims(claims) => Step::Claims(claims),
                    }
                }
                None => Step::GiveUp,
            },
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE if self.repeatable => {
                self.wait(refused.retry_after)
            }
            _ => Step::GiveUp,
        }
    }

    /// Without a `Retry-After` nothing is known, and the caller decides.
    fn wait(&mut self, retry_after: Option<Duration>) -> Step {
        let Some(wait) = retry_after.filter(|wait| Instant::now() + *wait < self.deadline) else {
            return Step::GiveUp;
        };
        self.waits += 1;
        if self.waits > MOST_WAITS { Step::GiveUp } else { Step::Wait(wait) }
    }
}

/// The same request again.
#[expect(clippy::expect_used, reason = "the only bodies are JSON in memory, which can always be copied")]
fn copy(request: &Request) -> Request {
    request.try_clone().expect("a body in memory")
}
