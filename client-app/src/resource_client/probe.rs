//! One request whose answer is wanted whatever it says: a refusal tells a diagnosis as much as a success.

use entra_shared::http_client::{self, HttpClient};
use entra_shared::json::Object;
use entra_shared::problem::Problem;
use http::{HeaderMap, StatusCode, header};
use jiff::SignedDuration;
use url::Url;

use super::{Correlation, ResourceError, words};
use entra_token::{Redaction, Token};

/// The largest answer that is read, in bytes: room for the description of a large API.
const MAX_BODY_BYTES: usize = 2 * 1024 * 1024;

/// An answer of the resource, good or not.
#[derive(Debug)]
pub(crate) struct Probe {
    pub(crate) status: StatusCode,
    /// The resource's clock less this machine's, where the answer has a date.
    pub(crate) clock_offset: Option<SignedDuration>,
    pub(crate) body: Vec<u8>,
    /// The body, where it is a problem; without the token, should the resource repeat it.
    pub(crate) problem: Option<Problem>,
}

impl Probe {
    /// Asks once, with the token or without one. The URL is one of a [`BaseUrl`](super::BaseUrl)'s.
    pub(crate) async fn send(
        http: &HttpClient,
        url: Url,
        token: Option<&Token>,
    ) -> Result<Self, ResourceError> {
        let correlation = Correlation::default();
        let ids = || correlation.ids();
        let mut headers = HeaderMap::new();
        headers.extend(token.map(|token| (header::AUTHORIZATION, token.authorization().clone())));
        correlation.propagate(&mut headers);
        let response = http
            .get(url)
            .headers(headers)
            .send()
            .await
            .map_err(|error| ResourceError::Unreachable { ids: ids(), source: error.without_url() })?;
        let (status, clock_offset) = (response.status(), http_client::clock_offset(response.headers()));
        let body = http_client::read_body(response, MAX_BODY_BYTES).await;
        let body = body.map_err(|source| ResourceError::Body { status, ids: ids(), source })?;
        let problem = serde_json::from_slice(&body).ok().map(|Object(problem)| match token {
            Some(token) => words::problem(problem, &Redaction::of_token(token.access_token().expose())),
            None => problem,
        });
        Ok(Self { status, clock_offset, body, problem })
    }
}
