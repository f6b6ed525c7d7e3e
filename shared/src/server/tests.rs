//! What a peer can send, byte by byte, and what comes back.

mod form;
mod limits;
mod shutdown;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Limits, Server};

/// How long anything may take that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    address: SocketAddr,
    shutdown: CancellationToken,
    end: JoinHandle<()>,
}

/// Serves [`answer`] on a free port.
async fn spawn(limits: Limits) -> Running {
    let mut server = Server::bind_address((Ipv4Addr::LOCALHOST, 0).into(), None).await.unwrap();
    server.drain_timeout = Duration::from_millis(500);
    server.limits = limits;
    let (address, shutdown) = (server.address(), CancellationToken::new());
    let end = tokio::spawn(server.serve(tower::service_fn(answer), shutdown.clone()));
    Running { address, shutdown, end }
}

/// Says what was asked for, and does it by the path.
async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    let asked = format!("{} {}", request.method(), request.uri().path());
    match request.uri().path() {
        "/unread" => Ok(Response::new(format!("<{asked}>"))),
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

/// The status of each answer, in order.
fn statuses(answers: &str) -> Vec<&str> {
    answers.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect()
}
