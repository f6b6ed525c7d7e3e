//! Tests of what a peer can send, byte by byte, and what comes back.

mod form;
mod limits;
mod order;
mod shutdown;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Terms, serve_connection};
use super::connection_limit::ConnectionLimit;
use super::ending::Ending;
use super::peer::Peer;
use super::progress::Progress;
use super::tls::Tls;
use super::{ConnectionCounts, Limits, Server};

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    counts: Arc<ConnectionCounts>,
    end: JoinHandle<()>,
}

/// Serves [`answer`] on a free port.
async fn spawn(limits: Limits) -> Running {
    spawn_with(|server| server.limits = limits).await
}

/// The same, with further changes.
async fn spawn_with(change: impl FnOnce(&mut Server)) -> Running {
    let mut server = Server::bind_address((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
    server.drain_timeout = Duration::from_millis(500);
    change(&mut server);
    let (address, shutdown, counts) = (server.address(), CancellationToken::new(), server.counts());
    let end = tokio::spawn(server.serve(tower::service_fn(answer), shutdown.clone()));
    Running { address, shutdown, counts, end }
}

/// A connection in memory rather than over a socket, so that a paused clock measures how long it lasts.
struct Paused {
    stream: DuplexStream,
    begin: Instant,
    ending: Ending,
    counts: Arc<ConnectionCounts>,
    end: JoinHandle<()>,
}

/// Serves [`answer`] on one connection, under a clock that the test has paused.
fn serve_paused(limits: Limits, tls: Option<Tls>) -> Paused {
    let (stream, io) = tokio::io::duplex(4096);
    let (begin, counts, mut end) = (Instant::now(), Arc::<ConnectionCounts>::default(), None);
    let ending = Ending::default();
    let terms = Terms { tls, limits, ending: ending.clone() };
    ConnectionLimit::new(&limits, Arc::clone(&counts)).start(|idleness| {
        let (counts, first_head_by) = (Arc::clone(&counts), begin + limits.header_timeout);
        let peer = Peer { first_head_by, idleness, progress: Progress::default(), counts };
        let serving = serve_connection(io, Arc::new(peer), terms, service_fn(answer));
        end.insert(tokio::spawn(serving)).abort_handle()
    });
    Paused { stream, begin, ending, counts, end: end.unwrap() }
}

impl Paused {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until the server closes the connection, and returns the text and the time that it took.
    async fn until_closed(&mut self) -> (String, Duration) {
        let mut answer = Vec::new();
        self.stream.read_to_end(&mut answer).await.unwrap();
        (String::from_utf8_lossy(&answer).into_owned(), self.begin.elapsed())
    }
}

/// Says what was asked for, and does it by the path.
async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    match request.uri().path() {
        "/unread" => Ok(Response::new(format!("<{asked}>"))),
        "/pieces" => {
            let (mut body, mut pieces) = (request.into_body(), 0);
            while let Some(Ok(_)) = body.frame().await {
                pieces += 1;
            }
            Ok(Response::new(format!("<{pieces} pieces>")))
        }
        "/never" => std::future::pending().await,
        "/large" => Ok(Response::new("x".repeat(1024 * 1024))),
        path => {
            if path == "/slow" {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            let body = match request.into_body().collect().await {
                Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                Err(error) => format!("no body: {error}"),
            };
            Ok(Response::new(format!("<{asked} {body}>")))
        }
    }
}

impl Running {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes and returns all that comes back until the server closes.
    async fn exchange(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes).await.unwrap();
        until_closed(&mut stream).await
    }
}

async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let end = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    end.unwrap_or_else(|_| panic!("still open: {answer}")).unwrap();
    answer
}

/// Returns the status of each answer, in order.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}
