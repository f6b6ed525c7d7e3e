//! Fetches an issuer's discovery document and the key set that it refers to.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_shared::http_client::{HttpClientSettings, http_client, http_client_resolving, read_body};
use entra_shared::json::Object;
use entra_shared::settings::KeyProblem;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use reqwest::dns::Resolve;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::Value;
use url::{Host, Url};

use super::names::{JudgedName, SystemNames, TooNear};
use super::reach::Reach;
use crate::credentials::federated::may_name;
use crate::credentials::rsa::RsaKey;

/// The largest document in bytes; enough for a hundred keys with their certificates.
const MAX_DOCUMENT_BYTES: usize = 512 * 1024;

/// The most keys of an issuer that are used, as at Entra.
const MAX_KEYS: usize = 100;

/// Why the keys could not be fetched, for the log.
pub(super) type Reason = Cow<'static, str>;

/// Fetches documents, with the limits of [`entra_shared::http_client`].
///
/// The URL of the discovery document comes from the credential's registration, the URL of the keys from the document
/// alone. The latter is untrusted and may not point to a nearer network than the document ([`Reach`]).
pub(super) struct Documents {
    settings: HttpClientSettings,
    client: OnceLock<Client>,
    names: Arc<dyn Resolve>,
}

impl Documents {
    /// Builds a client at once only to check a CA file, since this takes some milliseconds.
    pub(super) fn new(settings: HttpClientSettings) -> Result<Self, KeyProblem> {
        let client = OnceLock::new();
        if settings.ca_file.is_some() {
            let _ = client.set(http_client(&settings)?);
        }
        Ok(Self { settings, client, names: Arc::new(SystemNames) })
    }

    /// Fetches the discovery document and then the key set.
    pub(super) async fn keys(&self, issuer: &str) -> Result<HashMap<String, RsaKey>, Reason> {
        #[derive(Deserialize)]
        struct Document {
            issuer: String,
            jwks_uri: Url,
        }
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| "the issuer is not a URL")?;
        let answer = self.answer(&url, url.clone(), Reach::Machine).await?;
        let nearest = reach_of(&url, &answer);
        let Object(document): Object<Document> = serde_json::from_slice(&body(answer).await?)
            .map_err(|_| "the discovery document is malformed")?;
        // OpenID Connect Discovery 1.0 section 4.3.
        if document.issuer != issuer {
            return Err("the discovery document is another issuer's".into());
        }
        let answer = self.answer(&url, document.jwks_uri, nearest).await?;
        let Object(set): Object<KeySet> =
            serde_json::from_slice(&body(answer).await?).map_err(|_| "the key set is malformed")?;
        Ok(set.keys.iter().take(MAX_KEYS).filter_map(rsa_key).collect())
    }

    /// Fetches a document of an issuer, from a network no nearer than this.
    async fn answer(&self, issuer: &Url, url: Url, nearest: Reach) -> Result<Response, Reason> {
        if !may_name(issuer, &url) {
            return Err("the URL is not https, or it is of this machine and the issuer is not".into());
        }
        let client = match url.host() {
            Some(Host::Domain(host)) if nearest > Reach::Machine => self.client_for(host, nearest),
            Some(Host::Ipv4(address)) => self.client_at(address.into(), nearest)?,
            Some(Host::Ipv6(address)) => self.client_at(address.into(), nearest)?,
            _ => self.client(),
        };
        let client = client.ok_or("no HTTP client could be made")?;
        let answer = client.get(url).send().await.map_err(|error| {
            TooNear::find_in(&error)
                .map_or(Reason::from("the request failed"), |refusal| refusal.to_string().into())
        })?;
        if answer.status() != http::StatusCode::OK {
            return Err("the answer is not 200".into());
        }
        Ok(answer)
    }

    fn client(&self) -> Option<Client> {
        if self.client.get().is_none() {
            let _ = self.client.set(http_client(&self.settings).ok()?);
        }
        self.client.get().cloned()
    }

    /// Returns the HTTP client for a network.
    fn client_at(&self, address: IpAddr, nearest: Reach) -> Result<Option<Client>, Reason> {
        if Reach::for_address(address) < nearest {
            return Err(TooNear { host: address.to_string(), address }.to_string().into());
        }
        Ok(self.client())
    }

    /// Builds a client for one host name, so that no pooled connection bypasses the check of addresses.
    fn client_for(&self, host: &str, nearest: Reach) -> Option<Client> {
        let names = JudgedName { host: host.to_owned(), nearest, names: Arc::clone(&self.names) };
        http_client_resolving(&self.settings, Arc::new(names)).ok()
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// Returns the network that a response came from. It is the peer's network, unless the URL has an IP address.
fn reach_of(url: &Url, answer: &Response) -> Reach {
    let connected = || answer.remote_addr().map(|address| Reach::for_address(address.ip()));
    Reach::of_literal(url).or_else(connected).unwrap_or(Reach::World)
}

async fn body(answer: Response) -> Result<Vec<u8>, Reason> {
    let body = read_body(answer, MAX_DOCUMENT_BYTES).await;
    body.map(Vec::from).map_err(|_| "the answer is too large or broke off".into())
}

/// Reads an RSA signature key with its id (RFC 7517 section 4); other kinds of keys are skipped.
fn rsa_key(key: &Value) -> Option<(String, RsaKey)> {
    let Jwk { common, algorithm: AlgorithmParameters::RSA(parameters) } = Jwk::deserialize(key).ok()? else {
        return None;
    };
    let for_signatures = common.public_key_use.is_none_or(|usage| usage == PublicKeyUse::Signature);
    let number = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let key = RsaKey::new(&number(&parameters.n)?, &number(&parameters.e)?)?;
    for_signatures.then_some((common.key_id?, key))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use reqwest::dns::{Addrs, Name, Resolving};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Every name has these addresses; how often one was looked up.
    struct Names(Vec<&'static str>, Arc<AtomicUsize>);

    impl Resolve for Names {
        fn resolve(&self, _: Name) -> Resolving {
            self.1.fetch_add(1, Ordering::SeqCst);
            let addresses = self.0.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
            let addresses: Addrs = Box::new(addresses.collect::<Vec<_>>().into_iter());
            Box::pin(std::future::ready(Ok(addresses)))
        }
    }

    /// Returns a fetcher for which every name has these addresses.
    fn where_names_are(addresses: &[&'static str]) -> Documents {
        let documents = Documents::new(HttpClientSettings::default()).unwrap();
        Documents { names: Arc::new(Names(addresses.to_vec(), Arc::default())), ..documents }
    }

    /// Returns why a URL is not fetched for a document that came from this network.
    async fn refusal(documents: &Documents, url: &str, nearest: Reach) -> String {
        let issuer = Url::parse("http://127.0.0.1:7000").unwrap();
        documents.answer(&issuer, Url::parse(url).unwrap(), nearest).await.unwrap_err().into_owned()
    }

    /// Starts a listener on a port of this machine, and returns the port with a counter of its connections.
    async fn listener() -> (u16, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        });
        (port, connections)
    }

    #[tokio::test]
    async fn keys_at_a_name_whose_address_is_nearer_than_the_issuer_are_refused_before_anything_is_connected_to()
     {
        let (port, connections) = listener().await;
        // A name for which no proxy is asked, whatever the environment says.
        let url = format!("https://localhost:{port}/keys");
        for (address, nearest) in [
            ("127.0.0.1", Reach::World),
            ("127.0.0.1", Reach::Network),
            ("::ffff:127.0.0.1", Reach::World),
            ("0.0.0.0", Reach::Network),
            ("169.254.169.254", Reach::World),
            ("169.254.169.254", Reach::Network),
            ("::ffff:a9fe:a9fe", Reach::Network),
            ("10.0.0.1", Reach::World),
            ("fd00:ec2::254", Reach::World),
        ] {
            let reason = refusal(&where_names_are(&[address]), &url, nearest).await;
            assert!(reason.contains("localhost, which is "), "{address}: {reason}");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 0);
    }

    #[tokio::test]
    async fn an_address_that_is_written_in_the_url_is_judged_as_one_that_a_name_has() {
        let documents = where_names_are(&[]);
        for (url, nearest) in [
            ("https://10.0.0.1/keys", Reach::World),
            ("https://169.254.169.254/keys", Reach::World),
            ("https://169.254.169.254/keys", Reach::Network),
            ("https://[::ffff:10.0.0.1]/keys", Reach::World),
            ("https://[fd00::1]/keys", Reach::World),
        ] {
            let reason = refusal(&documents, url, nearest).await;
            assert!(reason.contains("nearer than the issuer"), "{url}: {reason}");
        }
    }

    #[tokio::test]
    async fn an_issuer_of_this_machine_has_its_keys_at_a_name_of_this_machine_as_before() {
        let (port, connections) = listener().await;
        let issuer = Url::parse("http://127.0.0.1:7000").unwrap();
        for host in ["localhost", "127.0.0.1"] {
            let url = Url::parse(&format!("http://{host}:{port}/keys")).unwrap();
            let answer = where_names_are(&[]).answer(&issuer, url, Reach::Machine).await;
            assert!(answer.is_ok(), "{answer:?}");
        }
        assert!(connections.load(Ordering::SeqCst) > 0);
    }

    #[tokio::test]
    async fn an_answer_is_as_near_as_what_was_connected_to_and_a_name_is_looked_up_once() {
        let (port, connections) = listener().await;
        let lookups = Arc::<AtomicUsize>::default();
        let names = Arc::new(Names(vec!["127.0.0.1"], Arc::clone(&lookups)));
        let judged = JudgedName { host: "localhost".into(), nearest: Reach::Machine, names };
        let client = http_client_resolving(&HttpClientSettings::default(), Arc::new(judged)).unwrap();
        let answer = client.get(format!("http://localhost:{port}/")).send().await.unwrap();
        let elsewhere = Url::parse("https://issuer.example").unwrap();
        assert_eq!(reach_of(&elsewhere, &answer), Reach::Machine);
        assert_eq!((lookups.load(Ordering::SeqCst), connections.load(Ordering::SeqCst)), (1, 1));
    }
}
