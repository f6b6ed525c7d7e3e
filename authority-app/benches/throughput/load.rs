//! Sends token requests over https with little processor time.
//!
//! Client and stand-in share the machine, so the client's time reduces the result. The client therefore formats the request
//! once, and parses only the end and the status of a response. One thread polls all connections, each with one request in
//! flight, since waking up for each response would take a core from the stand-in. There are enough connections that the
//! stand-in never waits for requests.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use url::{Url, form_urlencoded};

/// How long the thread sleeps between polls.
const PAUSE: Duration = Duration::from_millis(1);

/// Kept-alive connections to a stand-in.
pub(crate) struct Load {
    connections: Vec<Connection>,
    request: Vec<u8>,
}

/// One connection, and the received part of the next response.
struct Connection {
    stream: StreamOwned<ClientConnection, TcpStream>,
    received: Vec<u8>,
}

impl Load {
    /// Connects; the server needs a certificate of this authority.
    pub(crate) fn connect(
        base: &str,
        ca_file: &Path,
        connections: usize,
        path: &str,
        form: &[(&str, &str)],
    ) -> Self {
        let url = Url::parse(base).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca_file).unwrap()).unwrap();
        let config = Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth());
        let (host, port) = (url.host_str().unwrap().to_owned(), url.port().unwrap());
        let connect = |_| {
            let mut socket = TcpStream::connect((host.as_str(), port)).unwrap();
            socket.set_nodelay(true).unwrap();
            let name = ServerName::try_from(host.clone()).unwrap();
            let mut tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
            tls.complete_io(&mut socket).unwrap();
            socket.set_nonblocking(true).unwrap();
            Connection { stream: StreamOwned::new(tls, socket), received: Vec::new() }
        };
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self { connections: (0..connections).map(connect).collect(), request: request.into_bytes() }
    }

    /// Requests tokens as fast as possible, for a time or up to a number; returns tokens per second.
    pub(crate) fn tokens_a_second(&mut self, time: Duration, most: usize) -> f64 {
        let begin = Instant::now();
        for connection in &mut self.connections {
            connection.ask(&self.request).unwrap();
        }
        let (mut asked, mut tokens) = (self.connections.len(), 0);
        while tokens < asked {
            thread::sleep(PAUSE);
            // They are answered in the order in which they asked, or nearly so: where one waits, those after it do.
            while tokens < asked {
                let next = tokens % self.connections.len();
                if !self.connections[next].has_token() {
                    break;
                }
                tokens += 1;
                if begin.elapsed() < time && asked < most {
                    self.connections[next].ask(&self.request).unwrap();
                    asked += 1;
                }
            }
        }
        f64::from(u32::try_from(tokens).unwrap()) / begin.elapsed().as_secs_f64()
    }
}

impl Connection {
    fn ask(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)?;
        self.stream.flush()
    }

    /// Whether the response is complete; it must be a token.
    fn has_token(&mut self) -> bool {
        self.receive();
        let Some(place) = find(&self.received, b"\r\n\r\n") else { return false };
        let head = place + 4;
        let fields = std::str::from_utf8(&self.received[..head]).unwrap();
        assert!(fields.starts_with("HTTP/1.1 200 "), "{fields}");
        let length = fields.lines().find_map(|field| field.strip_prefix("content-length: ")).unwrap();
        let end = head + length.parse::<usize>().unwrap();
        if self.received.len() < end {
            return false;
        }
        assert!(find(&self.received[head..end], br#""access_token":"eyJ"#).is_some(), "no token");
        self.received.drain(..end);
        true
    }

    /// Reads available bytes.
    fn receive(&mut self) {
        let mut buffer = [0; 8192];
        match self.stream.read(&mut buffer) {
            Ok(read) => {
                assert!(read > 0, "the stand-in closed the connection");
                self.received.extend_from_slice(&buffer[..read]);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
        }
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
