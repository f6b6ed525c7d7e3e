//! The API under test. Its address is resolved once and pinned, and redirects are not followed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use entra_shared::http_client::read_body;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use url::{Host, Url};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(15);

/// The longest body that is read, in bytes.
const MAX_BODY_BYTES: usize = 1024 * 1024;

/// The API under test.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    client: Client,
    base: Url,
    address: SocketAddr,
}

/// Why an API cannot be attacked.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The URL is not an http or https URL with a host.
    #[error("{0}: not an http or https URL with a host")]
    Url(Url),
    /// The host's name has no address.
    #[error("{host}: no address found; check the name")]
    Unresolved {
        /// The host.
        host: String,
        /// The resolver's error.
        source: std::io::Error,
    },
    /// The address is a public one.
    #[error(
        "{host} is at {address}, which is neither a loopback nor a private address; attack only what is yours, and say so \
         with --i-may-attack {host}"
    )]
    Public {
        /// The host.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// The HTTP client cannot be made, for instance of these certificates.
    #[error("cannot make an HTTP client for the API")]
    Client(#[from] reqwest::Error),
}

/// What the API answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The first challenge.
    pub(crate) challenge: Option<String>,
    pub(crate) has_retry_after: bool,
}

impl Target {
    /// Resolves the host once. `allowed` is a host that may be attacked at a public address.
    pub(crate) async fn resolve(
        url: &Url,
        allowed: Option<&str>,
        trusted: &[String],
    ) -> Result<Self, TargetError> {
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(TargetError::Url(url.clone()));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetError::Url(url.clone()));
        }
        let name = host.to_string();
        let address = match host {
            Host::Ipv4(ip) => SocketAddr::from((ip, port)),
            Host::Ipv6(ip) => SocketAddr::from((ip, port)),
            Host::Domain(domain) => first_address(domain, port)
                .await
                .map_err(|source| TargetError::Unresolved { host: name.clone(), source })?,
        };
        if !is_private(address.ip()) && allowed != Some(name.as_str()) {
            return Err(TargetError::Public { host: name, address: address.ip() });
        }
        let mut certificates = Vec::new();
        for pem in trusted {
            certificates.extend(Certificate::from_pem_bundle(pem.as_bytes())?);
        }
        let client = Client::builder()
            .resolve(&name, address)
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .connect_timeout(Duration::from_secs(5))
            .tls_certs_merge(certificates)
            .build()?;
        Ok(Self { client, base: url.clone(), address })
    }

    /// Returns the URL of a path below the API's base.
    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request without a body, and discards the answer's.
    pub(crate) async fn send(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Answer, reqwest::Error> {
        let answer = self.client.request(method.clone(), self.url(path)).headers(headers).send().await?;
        let text = |name| {
            answer
                .headers()
                .get(name)
                .map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let read = Answer {
            status: answer.status(),
            challenge: text(header::WWW_AUTHENTICATE),
            has_retry_after: answer.headers().contains_key(header::RETRY_AFTER),
        };
        // Read to its end, so that the connection can be used again. A body that is too long or breaks off is not tested.
        let _ = read_body(answer, MAX_BODY_BYTES).await;
        Ok(read)
    }
}

async fn first_address(domain: &str, port: u16) -> std::io::Result<SocketAddr> {
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host((domain, port)).await?.collect();
    // A server on loopback mostly listens on IPv4.
    addresses.sort_by_key(SocketAddr::is_ipv6);
    addresses.first().copied().ok_or_else(|| std::io::Error::other("the name has no address"))
}

/// Returns whether an address is of this machine or of a private network (RFC 1918, RFC 4193).
fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

impl Answer {
    /// Returns whether the answer asks for a bearer token.
    pub(crate) fn has_bearer_challenge(&self) -> bool {
        self.challenge.as_deref().is_some_and(|challenge| {
            let scheme = challenge.split(' ').next().unwrap_or_default();
            scheme.trim_end_matches(',').eq_ignore_ascii_case("bearer")
        })
    }

    /// Returns whether the API says that it cannot decide now.
    pub(crate) fn is_put_off(&self) -> bool {
        self.has_retry_after
            && matches!(self.status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        match &self.challenge {
            Some(challenge) => {
                let shown: String = challenge.chars().filter(|c| !c.is_control()).take(200).collect();
                write!(f, ", {shown}")
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(url: &str, allowed: Option<&str>) -> Result<Target, TargetError> {
        Target::resolve(&url.parse().unwrap(), allowed, &[]).await
    }

    #[tokio::test]
    async fn only_loopback_and_private_addresses_are_attacked_unless_the_host_is_named() {
        for url in ["http://127.0.0.1:1", "http://localhost:1/api", "http://10.1.2.3", "https://[fd00::1]"] {
            assert!(resolve(url, None).await.is_ok(), "{url}");
        }
        for url in ["http://8.8.8.8", "http://169.254.169.254", "http://0.0.0.0", "http://[2001:db8::1]"] {
            let error = resolve(url, Some("other")).await.unwrap_err();
            assert!(matches!(error, TargetError::Public { .. }), "{url}: {error}");
        }
        assert!(resolve("http://8.8.8.8", Some("8.8.8.8")).await.is_ok());
        assert!(matches!(resolve("file:///x", None).await.unwrap_err(), TargetError::Url(_)));
    }

    #[tokio::test]
    async fn paths_are_below_the_base() {
        let target = resolve("http://127.0.0.1:1/api/", None).await.unwrap();
        assert_eq!(target.url("/orders?x=1").as_str(), "http://127.0.0.1:1/api/orders?x=1");
    }
}
