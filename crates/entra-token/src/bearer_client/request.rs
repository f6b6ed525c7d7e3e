//! A request that gets its access token when it is sent.

use http::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, RequestBuilder, Response};
use serde::Serialize;

use super::send::Call;
use super::{BearerClient, CallError};

/// A request of a [`BearerClient`], which gets its access token when it is sent.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct BearerRequest {
    pub(super) client: BearerClient,
    pub(super) request: RequestBuilder,
}

impl BearerRequest {
    /// Adds a header field. `Authorization` is always replaced by the token.
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    /// Adds header fields, replacing those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        Self { request: self.request.headers(headers), ..self }
    }

    /// Adds pairs to the query.
    pub fn query<T: Serialize + ?Sized>(self, query: &T) -> Self {
        Self { request: self.request.query(query), ..self }
    }

    /// Sets the body as JSON.
    pub fn json<T: Serialize + ?Sized>(self, json: &T) -> Self {
        Self { request: self.request.json(json), ..self }
    }

    /// Sets the body. A stream cannot be sent again, so such a request is not repeated.
    pub fn body(self, body: impl Into<Body>) -> Self {
        Self { request: self.request.body(body), ..self }
    }

    /// Sends the request with an access token, and repeats it if that helps and is safe.
    ///
    /// Returns the last response, whatever its status. Its extensions hold the `Arc<`[`Token`](crate::Token)`>` that
    /// was sent.
    ///
    /// # Errors
    /// There is no token or no response.
    pub async fn send(self) -> Result<Response, CallError> {
        let request = self.request.build().map_err(|error| CallError::Request(error.without_url()))?;
        Call::new(&self.client).send(request).await
    }
}
