//! The client as a type, for whoever sends a secret with it.

use std::num::NonZeroU64;
use std::ops::Deref;
use std::sync::Arc;

use reqwest::{Certificate, Client, Request, RequestBuilder, Response};

use super::clock::Clocks;
use super::{HttpClientSettings, built, http_client, with_settings};
use crate::settings::KeyProblem;

/// An HTTP client that follows no redirect: only this module makes one.
///
/// What takes it can send a secret without sending it on to wherever an answer points. It is used like the
/// [`reqwest::Client`] that it holds; clones share connections. What is sent through [`send`](Self::send) and
/// [`execute`](Self::execute) has the peer's clock looked at.
#[derive(Debug, Clone)]
pub struct HttpClient {
    client: Client,
    clocks: Arc<Clocks>,
}

impl HttpClient {
    /// The client of the settings, with what [`http_client`] says of it.
    ///
    /// # Errors
    /// The file of certificate authorities cannot be read, or a proxy's URL is malformed.
    pub fn new(settings: &HttpClientSettings) -> Result<Self, KeyProblem> {
        http_client(settings).map(Self::from_this_module)
    }

    /// A client with the default time limits that trusts the certificate authorities of this PEM text beside the
    /// system's. An empty text names none.
    ///
    /// # Errors
    /// The text is no PEM, or a proxy's URL is malformed.
    pub fn trusting(ca_pem: impl AsRef<[u8]>) -> Result<Self, KeyProblem> {
        let pem = ca_pem.as_ref().trim_ascii();
        let certificates = Certificate::from_pem_bundle(pem).unwrap_or_default();
        if certificates.is_empty() && !pem.is_empty() {
            return Err(KeyProblem::new("http_client", "the certificate authorities are not PEM"));
        }
        let builder = with_settings(&HttpClientSettings::default())?;
        built(builder.tls_certs_merge(certificates)).map(Self::from_this_module)
    }

    /// Only for clients that were built without redirects.
    pub(super) fn from_this_module(client: Client) -> Self {
        Self { client, clocks: Arc::default() }
    }

    /// Sends a request of this client, and warns where the peer's clock is far from this machine's.
    ///
    /// # Errors
    /// No answer came.
    pub async fn send(&self, request: RequestBuilder) -> reqwest::Result<Response> {
        Ok(self.looked_at(request.send().await?))
    }

    /// The same for a request that is built.
    ///
    /// # Errors
    /// No answer came.
    pub async fn execute(&self, request: Request) -> reqwest::Result<Response> {
        Ok(self.looked_at(self.client.execute(request).await?))
    }

    fn looked_at(&self, response: Response) -> Response {
        self.clocks.look(response.url(), response.headers());
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
    /// Five seconds for a connection, thirty for a request, and the system's certificate authorities.
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
