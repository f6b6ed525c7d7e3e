//! An authority whose responses a test controls byte by byte.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{
    CertificateParams, CertifiedIssuer, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256, date_time_ymd,
};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_util::task::AbortOnDropHandle;

pub(crate) const TENANT: &str = "8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20";
const API: &str = "b1f0a3c4-6d2e-4b8f-8a17-52c9e0d3f6a4";

/// The response to one request: bytes, and what follows them.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then silence on an open connection.
    Hang(Vec<u8>),
    /// These bytes, then endless spaces.
    Endless(Vec<u8>),
}

/// The identity that the authority presents over TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    Good,
    Expired,
    OtherName,
    SelfSigned,
    /// No TLS at all.
    Plain,
}

/// A running authority; ends when it is dropped.
pub(crate) struct Authority {
    pub(crate) url: String,
    key: EncodingKey,
    folder: tempfile::TempDir,
    state: Arc<State>,
    _task: AbortOnDropHandle<()>,
}

struct State {
    answers: Mutex<Answers>,
    /// Requests for anything but the two documents.
    strayed: AtomicUsize,
    /// Bytes sent of endless responses.
    endless: AtomicUsize,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

struct Answers {
    discovery: Reply,
    keys: Reply,
    identity: Identity,
}

impl Authority {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("https://localhost:{}", address.port());
        let state = Arc::new(State {
            answers: Mutex::new(Answers {
                discovery: document(&discovery(&url)),
                keys: document(&json!({ "keys": [] })),
                identity: Identity::Good,
            }),
            strayed: AtomicUsize::new(0),
            endless: AtomicUsize::new(0),
            issuer: certificate_authority("the one that is trusted"),
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), state.issuer.pem()).unwrap();
        let task = AbortOnDropHandle::new(tokio::spawn(serve(listener, Arc::clone(&state))));
        let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap();
        let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
        Self { url, key, folder, state, _task: task }
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Publishes these keys, with valid documents and identity.
    pub(crate) fn publish(&self, key_ids: &[&str]) {
        let keys: Vec<_> = key_ids.iter().map(|key_id| self.jwk(key_id)).collect();
        let mut answers = self.state.answers.lock().unwrap();
        answers.discovery = document(&discovery(&self.url));
        answers.keys = document(&json!({ "keys": keys }));
        answers.identity = Identity::Good;
    }

    pub(crate) fn answer_discovery(&self, reply: Reply) {
        self.state.answers.lock().unwrap().discovery = reply;
    }

    pub(crate) fn answer_keys(&self, reply: Reply) {
        self.state.answers.lock().unwrap().keys = reply;
    }

    pub(crate) fn identify_as(&self, identity: Identity) {
        self.state.answers.lock().unwrap().identity = identity;
    }

    /// Returns the number of requests for anything but the two documents.
    pub(crate) fn strayed(&self) -> usize {
        self.state.strayed.load(Ordering::SeqCst)
    }

    /// Returns how many bytes of endless responses were sent.
    pub(crate) fn endless(&self) -> usize {
        self.state.endless.load(Ordering::SeqCst)
    }

    /// Returns the key as Entra publishes it.
    pub(crate) fn jwk(&self, key_id: &str) -> Value {
        let mut jwk =
            serde_json::to_value(Jwk::from_encoding_key(&self.key, Algorithm::RS256).unwrap()).unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.remove("alg");
        members.insert("use".into(), "sig".into());
        members.insert("kid".into(), key_id.into());
        jwk
    }

    /// Returns a valid token, signed with the key under this id.
    pub(crate) fn token(&self, key_id: &str) -> String {
        self.token_with_roles(key_id, &["Resource.Read"])
    }

    /// Returns a valid token with these roles.
    pub(crate) fn token_with_roles(&self, key_id: &str, roles: &[&str]) -> String {
        let now = jiff::Timestamp::now().as_second();
        let claims = json!({
            "aud": API, "iss": format!("{}/{TENANT}/v2.0", self.url),
            "iat": now, "nbf": now, "exp": now + 3600, "tid": TENANT, "ver": "2.0",
            "oid": TENANT, "sub": TENANT, "azp": TENANT, "azpacr": "1", "roles": roles,
        });
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some(key_id.to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}

/// Returns a valid discovery document.
pub(crate) fn discovery(url: &str) -> Value {
    json!({
        "issuer": format!("{url}/{TENANT}/v2.0"),
        "jwks_uri": format!("{url}/{TENANT}/discovery/v2.0/keys"),
        "cloud_instance_name": "microsoftonline.com",
    })
}

/// Returns a valid response with this body.
pub(crate) fn document(body: &Value) -> Reply {
    text("200 OK", "", &body.to_string())
}

/// Returns a response with this status, these headers and this body.
pub(crate) fn text(status: &str, headers: &str, body: &str) -> Reply {
    Reply::Bytes(head(status, &format!("content-length: {}\r\n{headers}", body.len()), body))
}

/// Returns a response with only these headers and `connection`.
pub(crate) fn head(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        // A failed connection does not affect the others.
        tokio::spawn(async move { connection(stream, &state).await.ok() });
    }
}

async fn connection(stream: TcpStream, state: &State) -> std::io::Result<()> {
    let identity = state.answers.lock().unwrap().identity;
    if identity == Identity::Plain {
        return respond(stream, state).await;
    }
    let config = tls(identity, &state.issuer);
    respond(TlsAcceptor::from(Arc::new(config)).accept(stream).await?, state).await
}

async fn respond(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &State) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let reply = {
        let answers = state.answers.lock().unwrap();
        match request.split(' ').nth(1).unwrap_or_default() {
            path if path == format!("/{TENANT}/v2.0/.well-known/openid-configuration") => {
                answers.discovery.clone()
            }
            path if path == format!("/{TENANT}/discovery/v2.0/keys") => answers.keys.clone(),
            _ => {
                state.strayed.fetch_add(1, Ordering::SeqCst);
                text("404 Not Found", "", "")
            }
        }
    };
    let (Reply::Bytes(bytes) | Reply::Hang(bytes) | Reply::Endless(bytes)) = &reply;
    stream.write_all(bytes).await?;
    stream.flush().await?;
    match reply {
        Reply::Bytes(_) => stream.shutdown().await,
        Reply::Hang(_) => {
            tokio::time::sleep(Duration::from_hours(1)).await;
            Ok(())
        }
        Reply::Endless(_) => loop {
            stream.write_all(&[b' '; 16 * 1024]).await?;
            state.endless.fetch_add(16 * 1024, Ordering::SeqCst);
        },
    }
}

fn tls(identity: Identity, trusted: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
    let name = if identity == Identity::OtherName { "other.example" } else { "localhost" };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    if identity == Identity::Expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = match identity {
        Identity::SelfSigned => params.self_signed(&key).unwrap(),
        _ => params.signed_by(&key, trusted).unwrap(),
    };
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

fn certificate_authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Counts the connections to an address that must receive none.
pub(crate) async fn bait() -> (SocketAddr, Arc<AtomicUsize>, AbortOnDropHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let task = tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (address, taken, AbortOnDropHandle::new(task))
}
