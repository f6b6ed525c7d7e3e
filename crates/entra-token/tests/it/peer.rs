//! Scripted servers that record their requests.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method};
use http_body::Frame;
use http_shell::server::{Server, ServerCertificate};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The client secret in all tests, which no output may contain. It has characters that a form must encode.
pub(crate) const SECRET: &str = "canary+&=% ü";

/// The default access token of a peer, which no output may contain.
pub(crate) const TOKEN: &str = "canary.access-token.x";

/// A host name of the authority that only a proxy can resolve.
pub(crate) const PROXIED: &str = "login.example";

/// A scripted response.
#[derive(Debug, Clone)]
pub(crate) struct Scripted {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
    /// Whether the connection closes before the body is complete.
    pub(crate) breaks_off: bool,
    /// Whether `ECHO` in the body is replaced by the request, escaped for JSON.
    pub(crate) echoes: bool,
}

impl Scripted {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: body.into(),
            delay: Duration::ZERO,
            breaks_off: false,
            echoes: false,
        }
    }

    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, body).header("content-type", "application/json")
    }

    /// A valid response of the v2.0 token endpoint.
    pub(crate) fn token(expires_in: u64) -> Self {
        let body = format!(r#"{{"token_type":"Bearer","expires_in":{expires_in},"access_token":"{TOKEN}"}}"#);
        Self::json(200, body)
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn breaking_off(mut self) -> Self {
        self.breaks_off = true;
        self
    }

    pub(crate) fn echoing(mut self) -> Self {
        self.echoes = true;
        self
    }

    pub(crate) fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

/// A received request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

type Rule = Box<dyn Fn(&Asked) -> Scripted + Send>;

#[derive(Default)]
struct Script {
    answers: Mutex<VecDeque<Scripted>>,
    otherwise: Mutex<Option<Rule>>,
    asked: Mutex<Vec<Asked>>,
}

/// A scripted server; stops when dropped.
pub(crate) struct Peer {
    pub(crate) url: String,
    pub(crate) ca_pem: String,
    script: Arc<Script>,
    _running: DropGuard,
}

impl Peer {
    /// Starts an https server with a certificate of its own CA; by default it issues tokens.
    pub(crate) async fn authority() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost", PROXIED].map(str::to_owned)).unwrap();
        let chain = vec![params.signed_by(&key, &ca).unwrap().der().clone()];
        let certificate = ServerCertificate::new(chain, key.serialize_der().try_into().unwrap());
        Self::start(Some(&certificate), ca.pem(), Scripted::token(3599)).await
    }

    /// Starts a plain http server; by default it responds with 404.
    pub(crate) async fn resource() -> Self {
        Self::start(None, String::new(), Scripted::new(404, "")).await
    }

    async fn start(certificate: Option<&ServerCertificate>, ca_pem: String, otherwise: Scripted) -> Self {
        let server = Server::bind_address((Ipv4Addr::LOCALHOST, 0).into(), certificate).await.unwrap();
        let script = Arc::new(Script {
            otherwise: Mutex::new(Some(Box::new(move |_| otherwise.clone()))),
            ..Script::default()
        });
        let shutdown = CancellationToken::new();
        let url = server.url();
        let service = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(server.serve(service, shutdown.clone()));
        Self { url, ca_pem, script, _running: shutdown.drop_guard() }
    }

    /// Adds a response to the queue.
    pub(crate) fn answers(&self, scripted: Scripted) -> &Self {
        self.script.answers.lock().unwrap().push_back(scripted);
        self
    }

    /// Sets the response to requests when the queue is empty.
    pub(crate) fn otherwise_answers(&self, rule: impl Fn(&Asked) -> Scripted + Send + 'static) -> &Self {
        *self.script.otherwise.lock().unwrap() = Some(Box::new(rule));
        self
    }

    /// Returns the requests so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let asked = Asked {
        method: parts.method,
        target: parts.uri.to_string(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    script.asked.lock().unwrap().push(asked.clone());
    let next = script.answers.lock().unwrap().pop_front();
    let mut scripted = next.unwrap_or_else(|| script.otherwise.lock().unwrap().as_ref().unwrap()(&asked));
    if scripted.echoes {
        scripted.body = echoed(&scripted.body, &asked);
    }
    tokio::time::sleep(scripted.delay).await;
    let mut response = Response::builder().status(scripted.status);
    for (name, value) in scripted.headers {
        response = response.header(name, value);
    }
    let body = scripted.body.into();
    response
        .body(if scripted.breaks_off { Body::new(BreaksOff::Before(body)) } else { Body::from(body) })
        .unwrap()
}

/// Returns the body with the request in it: its form, and the header with its credential.
fn echoed(body: &[u8], asked: &Asked) -> Vec<u8> {
    let header = asked.headers.get("x-identity-header").map(|value| value.to_str().unwrap());
    let text = serde_json::to_string(&format!("{}{}", asked.body, header.unwrap_or_default())).unwrap();
    String::from_utf8_lossy(body).replace("ECHO", &text[1..text.len() - 1]).into_bytes()
}

/// A body that sends a part, waits until the peer has it, and fails.
enum BreaksOff {
    Before(Bytes),
    Sent,
    Flushed,
}

impl http_body::Body for BreaksOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match std::mem::replace(&mut *self, Self::Flushed) {
            Self::Before(bytes) => {
                *self = Self::Sent;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Sent => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Self::Flushed => Poll::Ready(Some(Err(io::Error::other("as the test wants")))),
        }
    }
}

/// Asserts that a text contains neither the secret nor the token.
pub(crate) fn shows_no_canary(text: &str) {
    assert!(!text.contains("canary"), "{text}");
}
