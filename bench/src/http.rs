//! A kept-alive connection that sends raw bytes and parses the necessary parts of a response.
//!
//! A client library would refuse to send most of an attacker's requests.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a peer may be silent.
const TIMEOUT: Duration = Duration::from_secs(40);

/// The end of a header.
const END: &[u8] = b"\r\n\r\n";

/// A connection to one address, which reconnects after the peer has closed it.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// A response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'b> {
    pub(crate) status: u16,
    pub(crate) body: &'b [u8],
}

impl Connection {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, stream: None, buffer: Vec::new() }
    }

    /// Sends the bytes of a request and reads its response.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        // A peer that refuses early may respond before it has read everything.
        let written = stream.write_all(request);
        let head =
            read_head(&mut stream, &mut self.buffer).map_err(|error| written.err().unwrap_or(error))?;
        let end = head.length + head.content_length;
        while self.buffer.len() < end {
            read_more(&mut stream, &mut self.buffer)?;
        }
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer { status: head.status, body: self.buffer.get(head.length..end).unwrap_or_default() })
    }

    /// Sends a GET request, with a token if there is one.
    pub(crate) fn get(&mut self, path: &str, token: Option<&str>) -> io::Result<Answer<'_>> {
        let request = get(path, token.map(str::as_bytes));
        self.exchange(&request)
    }

    /// Posts JSON, with a token if there is one.
    pub(crate) fn post(&mut self, path: &str, token: Option<&str>, json: &str) -> io::Result<Answer<'_>> {
        let authorization =
            token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
            json.len(),
        );
        self.exchange(request.as_bytes())
    }
}

/// The bytes of a GET request; the token may be arbitrary bytes.
pub(crate) fn get(path: &str, token: Option<&[u8]>) -> Vec<u8> {
    let start = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n");
    match token {
        Some(token) => [start.as_bytes(), b"Authorization: Bearer ", token, END].concat(),
        None => [start.as_bytes(), b"\r\n"].concat(),
    }
}

struct Head {
    status: u16,
    length: usize,
    content_length: usize,
    closes: bool,
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    Ok(stream)
}

/// Reads until the header is complete; the start of the body stays in the buffer.
fn read_head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Head> {
    buffer.clear();
    let length = loop {
        if let Some(position) = buffer.windows(END.len()).position(|window| window == END) {
            break position + END.len();
        }
        read_more(stream, buffer)?;
    };
    let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default()).to_ascii_lowercase();
    let field = |name: &str| text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
    let status =
        text.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    let content_length = field("content-length:").and_then(|length| length.parse().ok()).unwrap_or(0);
    Ok(Head { status, length, content_length, closes: field("connection:").as_deref() == Some("close") })
}

fn read_more(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        count => {
            buffer.extend_from_slice(chunk.get(..count).unwrap_or_default());
            Ok(())
        }
    }
}
