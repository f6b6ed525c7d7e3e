//! One HTTP exchange with the authority or with a managed identity endpoint.

use std::sync::Arc;
use std::time::Duration;

use entra_shared::http_client::{self, BodyError, HttpClient};
use entra_shared::json::Object;
use http::{HeaderMap, StatusCode};
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::{Position, Url};
use uuid::Uuid;

use super::{ConfigurationFault, Malformed, Outage, OutageCause, RequestIds, TokenError};

/// The largest response accepted, in bytes. Entra's have a few thousand.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The identity of a sent token request, for errors and the log.
#[derive(Debug)]
pub(super) struct SentRequest {
    pub(super) at: Instant,
    /// Host and port.
    pub(super) host: String,
    /// The URL without its query.
    pub(super) url: String,
    pub(super) correlation_id: Uuid,
}

/// A response as received.
#[derive(Debug)]
pub(super) struct RawResponse<'a> {
    pub(super) sent: &'a SentRequest,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Result<Vec<u8>, Malformed>,
}

impl SentRequest {
    /// Creates the identity of a request that is sent to this URL now.
    pub(super) fn new(url: &Url) -> Self {
        let host = url[Position::BeforeHost..Position::AfterPort].to_owned();
        let url = url[..Position::AfterPath].to_owned();
        Self { at: Instant::now(), host, url, correlation_id: Uuid::new_v4() }
    }

    /// Sends the request and reads the whole response.
    pub(super) async fn send(
        &self,
        http: &HttpClient,
        request: RequestBuilder,
    ) -> Result<RawResponse<'_>, reqwest::Error> {
        let response = http.send(request).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = match http_client::read_body(response, MAX_BODY_BYTES).await {
            Ok(body) => Ok(body.into()),
            Err(BodyError::BrokenOff(error)) if error.is_timeout() => return Err(error),
            Err(BodyError::BrokenOff(_)) => Err(Malformed::BrokenOff),
            Err(BodyError::TooLarge(_)) => Err(Malformed::TooLarge),
        };
        Ok(RawResponse { sent: self, status, headers, body })
    }

    /// Returns the error of a request without a response.
    pub(super) fn no_response(&self, error: reqwest::Error) -> TokenError {
        if error.is_timeout() {
            return self.timed_out();
        }
        if let Some(refusal) = http_client::proxy_refusal(&error) {
            return TokenError::Configuration(ConfigurationFault::Proxy(refusal));
        }
        // The message names the host already.
        let source = Arc::new(error.without_url());
        self.outage(OutageCause::Unreachable { host: self.host.clone(), source })
    }

    /// Returns the error of a request whose response is late.
    pub(super) fn timed_out(&self) -> TokenError {
        self.outage(OutageCause::TimedOut { host: self.host.clone() })
    }

    fn outage(&self, cause: OutageCause) -> TokenError {
        let ids = RequestIds { correlation_id: self.correlation_id, trace_id: None };
        TokenError::Unavailable(Outage { cause, retry_after: None, ids })
    }
}

impl RawResponse<'_> {
    /// Returns the whole body.
    pub(super) fn body(&self) -> Result<&[u8], Malformed> {
        self.body.as_deref().map_err(|problem| *problem)
    }

    /// Deserializes a success from the body.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Malformed> {
        let mut json = serde_json::Deserializer::from_slice(self.body()?);
        let Object(parsed) =
            serde_path_to_error::deserialize(&mut json).map_err(|error| Malformed::from_json(&error))?;
        json.end().map_err(|_| Malformed::NotJson)?;
        Ok(parsed)
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        http_client::retry_after(&self.headers)
    }

    /// Returns the error of a response that is neither a token nor a known failure.
    pub(super) fn malformed(&self, problem: Malformed) -> TokenError {
        let url = self.sent.url.clone();
        TokenError::Protocol { url, status: self.status, problem, ids: self.ids("", "") }
    }

    /// Returns the ids from the body or the headers of the response, or else the id that was sent. The arguments may be
    /// empty.
    pub(super) fn ids(&self, correlation_id: &str, trace_id: &str) -> RequestIds {
        let header = || self.headers.get("x-ms-request-id")?.to_str().ok()?.parse().ok();
        RequestIds {
            correlation_id: correlation_id.parse().unwrap_or(self.sent.correlation_id),
            trace_id: trace_id.parse().ok().or_else(header),
        }
    }
}
