//! Calls the resource with this client's token.
//!
//! A token goes to the configured origin alone: every URL is made by [`BaseUrl`], redirects are not followed,
//! and nothing that the resource answers is ever used as an address.
//!
//! A refused token is replaced, and a call that is asked to wait or whose connection is lost is made again where that
//! does no harm (`attempts`). All of that together takes no longer than the client's limit (`call`).

mod attempts;
mod base_url;
mod call;
mod challenge;
mod correlation;
mod error;
mod words;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use entra_shared::http_client::HttpClient;
use entra_shared::json::Object;
use entra_shared::resource::{NewResource, Resource, ResourcePage};
use entra_shared::settings::SettingsError;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;
use url::Url;
use uuid::Uuid;

pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use correlation::{CallIds, Correlation};
pub use error::{Awaited, Refused, ResourceError};

use call::Call;

use crate::settings::ResourceSettings;
use entra_token::{Token, TokenRetriever};

/// The largest answer that is read, in bytes.
///
/// A page holds at most 100 resources of 64 KiB; a page that is larger than this is asked for with a lower limit.
const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long a call may take in all, its repetitions and what it waits before them included.
///
/// Less than the 30 s that the web service gives its own callers, so that they learn what was wrong.
const LIMIT: Duration = Duration::from_secs(25);

/// The header that makes a repeated creation harmless.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A client of the resource's API; clones share connections and the token.
#[derive(Debug, Clone)]
pub struct ResourceClient {
    base_url: Arc<BaseUrl>,
    retriever: TokenRetriever,
    http: HttpClient,
    /// On whose behalf the calls are made; each is its own where it is absent.
    correlation: Option<Correlation>,
    limit: Duration,
    /// The process is to end: nothing is waited for any more.
    ending: CancellationToken,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// The most resources of the page; the API decides where it is left out.
    #[serde(default)]
    pub limit: Option<u32>,
    /// The `next` of the page before.
    #[serde(default)]
    pub after: Option<String>,
}

/// A resource with the tag of its version (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Tagged {
    /// The resource.
    pub resource: Resource,
    /// What `If-Match` must name to replace or delete this version.
    pub etag: Option<HeaderValue>,
}

impl ResourceClient {
    /// A client that calls the resource of the settings with the retriever's tokens.
    ///
    /// # Errors
    /// The URL is plain http to another machine, and the settings do not allow that.
    pub fn new(
        settings: &ResourceSettings,
        retriever: TokenRetriever,
        http: HttpClient,
    ) -> Result<Self, SettingsError> {
        settings.base_url.check_transport(settings.allow_plain_http)?;
        Ok(Self {
            base_url: Arc::new(settings.base_url.clone()),
            retriever,
            http,
            correlation: None,
            limit: LIMIT,
            ending: CancellationToken::new(),
        })
    }

    /// A client whose calls belong to this request and its trace.
    #[must_use]
    pub fn on_behalf_of(&self, correlation: Correlation) -> Self {
        Self { correlation: Some(correlation), ..self.clone() }
    }

    /// A client whose calls take no longer than this, with the wait for a token and all repetitions; 25 s otherwise.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self { limit, ..self.clone() }
    }

    /// A client whose calls wait neither for a token nor for another try once this is cancelled. A call for which there
    /// is a token is made all the same, and one that is under way goes on.
    #[must_use]
    pub fn until(&self, ending: CancellationToken) -> Self {
        Self { ending, ..self.clone() }
    }

    /// A usable token, waited for as a call waits for it.
    ///
    /// # Errors
    /// There is none, or not in time.
    pub async fn token(&self) -> Result<Arc<Token>, ResourceError> {
        Call::of(self).token().await
    }

    /// The retriever whose tokens this client sends.
    #[must_use]
    pub fn token_retriever(&self) -> &TokenRetriever {
        &self.retriever
    }

    /// One page of resources, oldest first.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn list(&self, paging: &Paging) -> Result<ResourcePage, ResourceError> {
        let answer = self.send(|| self.http.get(self.page(paging))).await?;
        answer.json(StatusCode::OK)
    }

    /// One resource.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn read(&self, id: Uuid) -> Result<Tagged, ResourceError> {
        self.send(|| self.http.get(self.base_url.resource(id))).await?.tagged(StatusCode::OK)
    }

    /// Creates a resource; the same idempotency key again gives the first answer again.
    ///
    /// # Errors
    /// There is no token, or the resource refuses, fails or does not answer.
    pub async fn create(
        &self,
        new: &NewResource,
        idempotency_key: Option<&str>,
    ) -> Result<Tagged, ResourceError> {
        let key = header_value("idempotency key", idempotency_key)?;
        let name = HeaderName::from_static(IDEMPOTENCY_KEY);
        let request = || with(self.http.post(self.base_url.resources()).json(new), &name, key.as_ref());
        self.send(request).await?.tagged(StatusCode::CREATED)
    }

    /// Replaces the version of a resource that `if_match` names.
    ///
    /// # Errors
    /// There is no token, or the resource refuses (412 when another version is there), fails or does not answer.
    pub async fn replace(
        &self,
        id: Uuid,
        new: &NewResource,
        if_match: Option<&str>,
    ) -> Result<Tagged, ResourceError> {
        let tag = header_value("ETag", if_match)?;
        let put = || self.http.put(self.base_url.resource(id)).json(new);
        let request = || with(put(), &header::IF_MATCH, tag.as_ref());
        self.send(request).await?.tagged(StatusCode::OK)
    }

    /// Deletes the version of a resource that `if_match` names.
    ///
    /// # Errors
    /// There is no token, or the resource refuses (412 when another version is there), fails or does not answer.
    pub async fn delete(&self, id: Uuid, if_match: Option<&str>) -> Result<(), ResourceError> {
        let tag = header_value("ETag", if_match)?;
        let request = || with(self.http.delete(self.base_url.resource(id)), &header::IF_MATCH, tag.as_ref());
        self.send(request).await?.expect(StatusCode::NO_CONTENT)
    }

    fn page(&self, paging: &Paging) -> Url {
        let mut url = self.base_url.resources();
        if let Some(limit) = paging.limit {
            url.query_pairs_mut().append_pair("limit", &limit.to_string());
        }
        if let Some(after) = &paging.after {
            url.query_pairs_mut().append_pair("after", after);
        }
        url
    }

    async fn send(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, ResourceError> {
        Call::of(self).send(request).await
    }
}

/// An answer as it came from the network.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
    correlation: Correlation,
}

impl Answer {
    fn expect(&self, status: StatusCode) -> Result<(), ResourceError> {
        if self.status == status { Ok(()) } else { Err(self.malformed()) }
    }

    fn malformed(&self) -> ResourceError {
        ResourceError::Malformed { status: self.status, ids: self.correlation.ids() }
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

fn with(request: RequestBuilder, name: &HeaderName, value: Option<&HeaderValue>) -> RequestBuilder {
    match value {
        None => request,
        Some(value) => request.header(name, value.clone()),
    }
}

fn header_value(what: &'static str, text: Option<&str>) -> Result<Option<HeaderValue>, ResourceError> {
    text.map(HeaderValue::from_str).transpose().map_err(|_| ResourceError::NotAHeaderValue(what))
}
