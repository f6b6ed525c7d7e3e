//! Calls the resource's API with this client's tokens.

mod correlation;
mod error;
mod redacted;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_shared::http_client::{BodyError, HttpClient, read_body};
use entra_shared::json::Object;
use entra_shared::resource::{NewResource, Resource, ResourcePage};
use entra_token::{Awaited, BaseUrl, BearerClient, BearerRequest, DeniedToken, Token, TokenRetriever};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use correlation::Correlation;
pub use error::{Refused, ResourceError};

/// The path of the collection of resources.
const RESOURCES: &str = "/api/resources";

/// The largest response that is read, in bytes. A page has at most 100 resources of 64 KiB.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// The largest error response that is read, in bytes.
const MAX_PROBLEM_BYTES: usize = 64 * 1024;

/// The default time limit of a call, with all retries.
///
/// Less than the 30 s of the web service's own limit, so that its callers learn what went wrong.
const LIMIT: Duration = Duration::from_secs(25);

/// The header that makes it safe to repeat a creation.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A client of the resource's API; clones share connections and the token.
#[derive(Debug, Clone)]
pub struct ResourceClient {
    api: BearerClient,
    base_url: BaseUrl,
    /// The incoming request whose ids the calls carry; without one, each call gets new ids.
    correlation: Option<Correlation>,
    limit: Duration,
}

/// A page of a list; serializes to the query that asks for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The maximum number of resources in the page; the API has a default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The `next` of the previous page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// A resource with the tag of its version (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The resource.
    pub resource: Resource,
    /// The value of `If-Match` that replaces or deletes this version.
    pub etag: Option<HeaderValue>,
}

impl ResourceClient {
    /// Creates a client of the API at this base URL.
    #[must_use]
    pub fn new(base_url: BaseUrl, retriever: TokenRetriever, http: HttpClient) -> Self {
        let api = BearerClient::with_base_url(base_url.clone(), retriever).http_client(http).timeout(LIMIT);
        Self { api, base_url, correlation: None, limit: LIMIT }
    }

    /// Returns a client whose calls carry this request id and trace.
    #[must_use]
    pub fn on_behalf_of(&self, correlation: Correlation) -> Self {
        Self { correlation: Some(correlation), ..self.clone() }
    }

    /// Returns a client with another time limit for each call; the default is 25 s.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { api: self.api.clone().timeout(limit), limit, ..self.clone() }
    }

    /// Returns a client that stops waiting for tokens and retries once `shutdown` is cancelled.
    #[must_use]
    pub fn until(&self, shutdown: CancellationToken) -> Self {
        Self { api: self.api.clone().until(shutdown), ..self.clone() }
    }

    /// Returns a usable token, within the limits of a call.
    ///
    /// # Errors
    /// There is no token, or not in time.
    pub async fn token(&self) -> Result<Arc<Token>, ResourceError> {
        let ids = || self.correlation.clone().unwrap_or_default().to_string();
        self.api.token().await.map_err(|error| ResourceError::from_call(error, &self.base_url, ids()))
    }

    /// Returns the retriever whose tokens are sent.
    #[must_use]
    pub fn token_retriever(&self) -> &TokenRetriever {
        self.api.token_retriever()
    }

    /// Lists one page of resources, oldest first.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn list(&self, paging: &Paging) -> Result<ResourcePage, ResourceError> {
        self.send(self.api.get(RESOURCES).query(paging)).await?.json(StatusCode::OK)
    }

    /// Reads one resource.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn read(&self, id: Uuid) -> Result<Tagged, ResourceError> {
        self.send(self.api.get(&path(id))).await?.tagged(StatusCode::OK)
    }

    /// Creates a resource; the same idempotency key again returns the first response again.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn create(
        &self,
        new: &NewResource,
        idempotency_key: Option<&str>,
    ) -> Result<Tagged, ResourceError> {
        let name = HeaderName::from_static(IDEMPOTENCY_KEY);
        let request = with(self.api.post(RESOURCES).json(new), name, "idempotency key", idempotency_key)?;
        self.send(request).await?.tagged(StatusCode::CREATED)
    }

    /// Replaces a resource if it has the version that `if_match` names.
    ///
    /// # Errors
    /// There is no token, or the resource refuses (412 if its version is another), fails or does not answer.
    pub async fn replace(
        &self,
        id: Uuid,
        new: &NewResource,
        if_match: Option<&str>,
    ) -> Result<Tagged, ResourceError> {
        let request = with(self.api.put(&path(id)).json(new), header::IF_MATCH, "ETag", if_match)?;
        self.send(request).await?.tagged(StatusCode::OK)
    }

    /// Deletes a resource if it has the version that `if_match` names.
    ///
    /// # Errors
    /// There is no token, or the resource refuses (412 if its version is another), fails or does not answer.
    pub async fn delete(&self, id: Uuid, if_match: Option<&str>) -> Result<(), ResourceError> {
        let request = with(self.api.delete(&path(id)), header::IF_MATCH, "ETag", if_match)?;
        self.send(request).await?.expect(StatusCode::NO_CONTENT)
    }

    /// Sends a request and reads its response to the end; an error response is an error.
    async fn send(&self, request: BearerRequest) -> Result<Answer, ResourceError> {
        let deadline = Instant::now() + self.limit;
        let correlation = self.correlation.clone().unwrap_or_default();
        let ids = || correlation.to_string();
        let response = request.headers(correlation.headers()).send().await;
        let mut response =
            response.map_err(|error| ResourceError::from_call(error, &self.base_url, ids()))?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let token = response.extensions().get::<Arc<Token>>().cloned();
        let denied = response.extensions().get::<DeniedToken>().copied();
        let limit = if status.is_success() { MAX_BODY_BYTES } else { MAX_PROBLEM_BYTES };
        let timed_out =
            |_| ResourceError::TimedOut { awaited: Awaited::Response, limit: self.limit, ids: ids() };
        let body = match timeout_at(deadline, read_body(response, limit)).await.map_err(timed_out)? {
            // The status tells enough, and nothing that large is a problem.
            Err(BodyError::TooLarge(_)) if !status.is_success() => Bytes::new(),
            body => {
                body.map_err(|source| ResourceError::Malformed { status, ids: ids(), source: Some(source) })?
            }
        };
        let answer = Answer { status, headers, body, denied, ids: ids() };
        match token {
            Some(token) if !status.is_success() => {
                Err(ResourceError::Refused(Box::new(Refused::new(&answer, token.access_token()))))
            }
            _ => Ok(answer),
        }
    }
}

fn path(id: Uuid) -> String {
    format!("{RESOURCES}/{id}")
}

/// A response with its whole body.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    denied: Option<DeniedToken>,
    ids: String,
}

impl Answer {
    fn expect(&self, status: StatusCode) -> Result<(), ResourceError> {
        if self.status == status { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> ResourceError {
        ResourceError::Malformed { status: self.status, ids: self.ids.clone(), source: None }
    }

    fn json<T: DeserializeOwned>(&self, status: StatusCode) -> Result<T, ResourceError> {
        self.expect(status)?;
        let read: Result<Object<T>, _> = serde_json::from_slice(&self.body);
        read.map(|Object(body)| body).map_err(|_| self.malformed())
    }

    fn tagged(&self, status: StatusCode) -> Result<Tagged, ResourceError> {
        Ok(Tagged { resource: self.json(status)?, etag: self.headers.get(header::ETAG).cloned() })
    }
}

/// Adds an optional header field; `what` names it in an error.
fn with(
    request: BearerRequest,
    name: HeaderName,
    what: &'static str,
    text: Option<&str>,
) -> Result<BearerRequest, ResourceError> {
    let value =
        text.map(HeaderValue::from_str).transpose().map_err(|_| ResourceError::NotAHeaderValue(what))?;
    Ok(match value {
        None => request,
        Some(value) => request.header(name, value),
    })
}
