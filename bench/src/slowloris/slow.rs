//! A connection that keeps a server waiting.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;

/// The way in which a peer is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It sends nothing.
    Silent,
    /// It sends one byte of its header per second.
    Trickling,
    /// It stops in the middle of its header.
    HalfHead,
    /// It stops in the middle of its body, after a good token.
    HalfBody,
    /// It requests more than its buffers hold, and reads nothing.
    NotReading,
}

/// How often a trickling peer sends a byte.
const TRICKLE: Duration = Duration::from_secs(1);

/// A file of more than a megabyte, which costs the server nothing but writing it.
const LONG_ANSWER: &[u8] = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// How often the file is requested: more than a kernel buffers for a peer.
const LONG_ANSWERS: usize = 10;

/// The most peers that do not read, since unread data stays in the kernel's memory.
const MOST_NOT_READING: usize = 32;

/// A slow connection with its start.
#[derive(Debug)]
pub(super) struct Slow {
    stream: TcpStream,
    since: Instant,
    unsent: std::vec::IntoIter<u8>,
    last_byte: Instant,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Silent, Self::Trickling, Self::HalfHead, Self::HalfBody, Self::NotReading];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Trickling => "a byte a second",
            Self::HalfHead => "half a header",
            Self::HalfBody => "half a body",
            Self::NotReading => "not reading",
        }
    }

    /// Within how many seconds the server must close it.
    pub(super) fn limit(self) -> f64 {
        match self {
            Self::Silent | Self::Trickling | Self::HalfHead => 10.0,
            Self::HalfBody | Self::NotReading => 30.0,
        }
    }

    /// Opens connections of this kind, as many as fit in the machine's memory.
    pub(super) fn open(self, address: SocketAddr, token: &str, count: usize) -> anyhow::Result<Vec<Slow>> {
        let count = if self == Self::NotReading { count.min(MOST_NOT_READING) } else { count };
        (0..count).map(|_| Slow::open(self, address, token)).collect()
    }

    /// The bytes that it sends at once.
    fn sent(self, token: &str) -> Vec<u8> {
        match self {
            Self::Silent | Self::Trickling => Vec::new(),
            Self::HalfHead => b"GET /api/caller HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bea".to_vec(),
            Self::HalfBody => [head_of_post(token, 100).as_bytes(), b"{\"name\": "].concat(),
            Self::NotReading => LONG_ANSWER.repeat(LONG_ANSWERS),
        }
    }
}

impl Slow {
    fn open(kind: Kind, address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        let mut stream =
            TcpStream::connect(address).context("a connection was refused; is `ulimit -n` high enough?")?;
        stream.set_nonblocking(true)?;
        match stream.write(&kind.sent(token)) {
            // The server reads no more requests than it can answer.
            Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error.into()),
            Ok(_) | Err(_) => (),
        }
        let trickled = if kind == Kind::Trickling { Kind::HalfHead.sent(token) } else { Vec::new() };
        let now = Instant::now();
        Ok(Self { stream, since: now, unsent: trickled.into_iter(), last_byte: now })
    }

    /// Sends the next byte if it is due; returns the connection's lifetime once it is closed.
    pub(super) fn closed(&mut self) -> Option<Duration> {
        if self.last_byte.elapsed() >= TRICKLE {
            self.last_byte = Instant::now();
            if let Some(byte) = self.unsent.next() {
                // A failure shows below.
                let _ = self.stream.write(&[byte]);
            }
        }
        is_closed(&mut self.stream).then(|| self.since.elapsed())
    }
}

/// The header of a request that creates a resource, with a body of so many bytes.
pub(super) fn head_of_post(token: &str, length: usize) -> String {
    format!(
        "POST /api/resources HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
}

/// Reads available data, such as a 408, until the peer closes or no more is available.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut chunk = [0; 1024];
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => (),
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn each_kind_sends_what_it_says_and_sees_the_end() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        for (kind, first) in
            [(Kind::Silent, ""), (Kind::HalfHead, "GET /api/caller"), (Kind::HalfBody, "POST /api")]
        {
            let mut slow = kind.open(listener.local_addr().unwrap(), "t", 1).unwrap();
            let (mut peer, _) = listener.accept().unwrap();
            let mut read = vec![0; first.len()];
            peer.read_exact(&mut read).unwrap();
            assert_eq!(read, first.as_bytes());
            assert_eq!(slow[0].closed(), None);
            drop(peer);
            let begin = Instant::now();
            while slow[0].closed().is_none() {
                assert!(begin.elapsed() < Duration::from_secs(30));
            }
        }
    }
}
