//! The HTTP client as a type that guarantees its settings.

use std::num::NonZeroU64;
use std::ops::Deref;
use std::sync::Arc;

use reqwest::{Certificate, Client, ClientBuilder, Request, RequestBuilder, Response};

use super::clock::Clocks;
use super::watched::Watched;
use super::{HttpClientSettings, build, http_client, with_limits, with_settings};
use crate::settings::KeyProblem;

/// An HTTP client that follows no redirects, so it is safe to send secrets with.
///
/// It derefs to [`reqwest::Client`], to build requests; clones share connections. [`send`](Self::send) and
/// [`execute`](Self::execute) notice a changed file of certificate authorities, and warn about a peer whose clock is off.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    clocks: Arc<Clocks>,
    /// Present if the certificate authorities come from a file.
    watched: Option<Arc<Watched>>,
}

impl HttpClient {
    /// Builds a client; see [`http_client`].
    ///
    /// # Errors
    /// The file of certificate authorities cannot be read, or a proxy's URL is malformed.
    pub fn new(settings: &HttpClientSettings) -> Result<Self, KeyProblem> {
        let watched = Watched::new(settings)?;
        Ok(Self { watched, ..Self::from_this_module(http_client(settings)?) })
    }

    /// Builds the same client, or one that trusts no certificate authority if this machine has no certificate authorities.
    ///
    /// For programs that may need http alone, such as one with a managed identity.
    ///
    /// # Errors
    /// As for [`Self::new`], but for missing certificate authorities.
    pub fn new_or_without_trust(settings: &HttpClientSettings) -> Result<Self, KeyProblem> {
        Self::new(settings).or_else(|problem| {
            if settings.ca_file.is_some() {
                return Err(problem);
            }
            let client = build(with_settings(settings)?.tls_certs_only([]))?;
            tracing::warn!(%problem, "no certificate authority is trusted, so only http can be used");
            Ok(Self::from_this_module(client))
        })
    }

    /// Builds a client with default time limits that trusts the certificate authorities of a PEM text and the system's.
    ///
    /// An empty text adds none.
    ///
    /// # Errors
    /// The text is not PEM, or a proxy's URL is malformed.
    pub fn trusting(ca_pem: impl AsRef<[u8]>) -> Result<Self, KeyProblem> {
        let pem = ca_pem.as_ref().trim_ascii();
        let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if certificates.is_empty() && !pem.is_empty() {
            return Err(KeyProblem::new("http_client", "the certificate authorities are not PEM"));
        }
        let builder = with_settings(&HttpClientSettings::default())?;
        build(builder.tls_certs_merge(certificates)).map(Self::from_this_module)
    }

    /// Builds a client from a builder, on which default time limits and *no redirects* are set.
    ///
    /// # Errors
    /// The builder's own settings make no client.
    pub fn from_builder(builder: ClientBuilder) -> Result<Self, KeyProblem> {
        build(with_limits(builder, &HttpClientSettings::default())).map(Self::from_this_module)
    }

    /// Wraps a client, which must not follow redirects.
    pub(super) fn from_this_module(client: Client) -> Self {
        Self { client, clocks: Arc::default(), watched: None }
    }

    /// Sends a request built with this client, and warns if the peer's clock differs from this machine's.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        self.execute(request.build()?).await
    }

    /// Sends a finished request; see [`Self::send`].
    ///
    /// # Errors
    /// There was no answer.
    pub async fn execute(&self, request: Request) -> reqwest::Result<Response> {
        let response = match &self.watched {
            Some(watched) => watched.client().await.execute(request).await?,
            None => self.client.execute(request).await?,
        };
        Ok(self.check_clock(response))
    }

    fn check_clock(&self, response: Response) -> Response {
        self.clocks.check(response.url(), response.headers());
        response
    }
}

impl Deref for HttpClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Default for HttpClientSettings {
    /// Returns 5 seconds for a connection, 30 for a request, and the system's certificate authorities.
    fn default() -> Self {
        let seconds = |n| NonZeroU64::new(n).unwrap_or(NonZeroU64::MIN);
        Self { connect_timeout_seconds: seconds(5), timeout_seconds: seconds(30), ca_file: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_authorities_are_pem_or_none() {
        for none in ["", "\n"] {
            assert!(HttpClient::trusting(none).is_ok(), "{none}");
        }
        for wrong in ["no PEM", "-----BEGIN CERTIFICATE-----\nAAAA"] {
            assert!(HttpClient::trusting(wrong).is_err(), "{wrong}");
        }
    }
}
