//! The HTTP client, with time limits and proxies. It follows no redirects, because a redirect could leak a secret.

mod body;
mod ca_file;
mod certificate_fault;
mod client;
mod clock;
mod proxies;
mod watched;

use std::error::Error;
use std::io;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode, header};
use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, redirect};
use serde::Deserialize;

pub use body::{BodyError, read_body};
pub use certificate_fault::CertificateFault;
pub use client::HttpClient;
pub use clock::clock_offset;
pub use proxies::refusal as refusing_proxy;
pub use watched::reread_files;

use crate::settings::KeyProblem;

/// How long an idle connection is kept.
///
/// Shorter than most servers keep it, so that no request is sent on a connection being closed.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(8);

/// Section `[http_client]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpClientSettings {
    /// Time limit for a connection, in seconds.
    pub connect_timeout_seconds: NonZeroU64,
    /// Time limit for a request, from the connection to the last byte of the answer, in seconds.
    pub timeout_seconds: NonZeroU64,
    /// A file of certificate authorities to trust in addition to the system's, in PEM or a single one in DER.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// Builds the client: rustls, time limits, no redirects.
///
/// Redirects are never followed: on 307 and 308 a client would send its form, with the secret, to another server.
/// `HTTPS_PROXY`, `http_proxy`, `ALL_PROXY` and `NO_PROXY` are honoured, but never for loopback addresses.
///
/// # Errors
/// The file of certificate authorities cannot be read, or a proxy's URL is malformed.
pub fn http_client(settings: &HttpClientSettings) -> Result<Client, KeyProblem> {
    build(with_settings(settings)?)
}

/// Builds the same client with its own DNS resolver, so that it connects only to addresses of that resolver.
///
/// The resolver also looks up proxies; a proxy looks up the target's name itself.
///
/// # Errors
/// As for [`http_client`].
pub fn http_client_resolving(
    settings: &HttpClientSettings,
    resolver: Arc<dyn Resolve>,
) -> Result<Client, KeyProblem> {
    build(with_settings(settings)?.dns_resolver(resolver))
}

fn with_settings(settings: &HttpClientSettings) -> Result<ClientBuilder, KeyProblem> {
    match &settings.ca_file {
        Some(path) => with_certificates(settings, &ca_file::read(path)?),
        None => with_certificates(settings, &[]),
    }
}

/// Applies the settings, with these contents of the file of certificate authorities.
fn with_certificates(settings: &HttpClientSettings, contents: &[u8]) -> Result<ClientBuilder, KeyProblem> {
    let user_agent = concat!("entra-service-to-service/", env!("CARGO_PKG_VERSION"));
    let mut builder = with_limits(Client::builder().user_agent(user_agent), settings);
    if let Some(path) = &settings.ca_file {
        builder = builder.tls_certs_merge(ca_file::certificates(path, contents)?);
    }
    proxies::with_proxies(builder)
}

fn with_limits(builder: ClientBuilder, settings: &HttpClientSettings) -> ClientBuilder {
    builder
        .connect_timeout(Duration::from_secs(settings.connect_timeout_seconds.get()))
        .timeout(Duration::from_secs(settings.timeout_seconds.get()))
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .redirect(redirect::Policy::none())
}

fn build(builder: ClientBuilder) -> Result<Client, KeyProblem> {
    builder.build().map_err(|error| {
        let causes: Vec<_> = causes(&error).map(ToString::to_string).collect();
        KeyProblem::new("http_client", format!("no HTTP client could be made: {}", causes.join(": ")))
    })
}

/// Builds a client for the machine's own metadata endpoint, without proxies and redirects and with short time limits.
///
/// On a machine without such an endpoint nothing answers at its address, so the connect timeout ends the wait.
///
/// # Errors
///
/// No HTTP client can be made.
pub fn metadata_client() -> Result<HttpClient, KeyProblem> {
    let builder = Client::builder()
        .no_proxy()
        // It speaks http alone, and so needs no certificate authorities, which a minimal image may lack.
        .tls_certs_only([])
        .connect_timeout(Duration::from_secs(2))
        .timeout(Duration::from_secs(10))
        .redirect(redirect::Policy::none());
    build(builder).map(HttpClient::from_this_module)
}

/// Asks a listener of this program's own service, on this machine, and returns the status of its answer.
///
/// The certificate is not verified, since it names the service as others reach it. The request contains no credential.
///
/// # Errors
/// Nothing answers within 4 s.
pub async fn health_status(url: &str) -> Result<StatusCode, reqwest::Error> {
    let client = Client::builder()
        .no_proxy()
        .tls_certs_only([])
        .tls_danger_accept_invalid_certs(true)
        .timeout(Duration::from_secs(4))
        .redirect(redirect::Policy::none())
        .build()?;
    Ok(client.get(url).send().await?.status())
}

/// Returns whether a request failed because the peer's certificate is not trusted, for example expired.
#[must_use]
pub fn is_untrusted(error: &reqwest::Error) -> bool {
    CertificateFault::from_error(error).is_some()
}

/// Explains an https request that failed because a proxy asks for credentials (407); `None` for any other failure.
///
/// Repeating the request does not help. The proxy is named without the credentials in its URL.
#[must_use]
pub fn proxy_refusal(error: &reqwest::Error) -> Option<String> {
    // The type of this error is not public.
    let is_refusal = causes(error).any(|error| error.to_string().ends_with("proxy authorization required"));
    refusing_proxy("https").filter(|_| is_refusal)
}

/// Returns whether a request failed because the peer seems to speak http instead of https, or the other way round.
#[must_use]
pub fn is_other_scheme(error: &reqwest::Error) -> bool {
    causes(error).any(|error| {
        let not_tls = matches!(error.downcast_ref(), Some(rustls::Error::InvalidMessage(_)));
        not_tls || error.downcast_ref().is_some_and(hyper::Error::is_parse)
    })
}

/// Returns the error and its sources.
fn causes<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let first: &'e (dyn Error + 'static) = error;
    std::iter::successors(Some(first), |error: &&'e (dyn Error + 'static)| {
        let error: &'e (dyn Error + 'static) = *error;
        // `io::Error::source` skips the error that it contains.
        let held = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        held.map_or_else(|| error.source(), |held| Some(held))
    })
}

/// The longest accepted wait, which is an hour, as in Microsoft's own libraries.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// Parses `Retry-After`, which is in seconds or a date (RFC 9110 section 10.2.3), and limits it to an hour.
///
/// A malformed value counts as absent.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if let Ok(seconds) = text.parse() {
        Duration::from_secs(seconds)
    } else {
        // The error means that the date has passed.
        httpdate::parse_http_date(text).ok()?.duration_since(SystemTime::now()).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_wait_is_read_from_seconds_and_from_each_form_of_a_date() {
        let wait = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            retry_after(&HeaderMap::from_iter([(header::RETRY_AFTER, value)])).map(|wait| wait.as_secs())
        };
        assert_eq!([wait("7"), wait("18446744073709551615")], [Some(7), Some(3600)]);
        for date in
            ["Fri, 06 Nov 2093 08:49:37 GMT", "Friday, 06-Nov-48 08:49:37 GMT", "Fri Nov  6 08:49:37 2093"]
        {
            assert_eq!(wait(date), Some(3600), "{date}");
        }
        for date in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(wait(date), Some(0), "{date}");
        }
        for other in ["-5", "soon", "1.5", "", "18446744073709551616"] {
            assert_eq!(wait(other), None, "{other}");
        }
    }
}
