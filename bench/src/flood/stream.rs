//! Sends requests at a fixed rate without waiting for responses: pipelined on connections that are read at the same time.
//!
//! One thread does it all, so that sending takes little of the core that valid requests are sent from.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The number of connections, which take turns.
const CONNECTIONS: usize = 64;

/// How often due requests are sent and responses are read.
const TICK: Duration = Duration::from_millis(2);

/// The start of each response, before its status.
const START: &[u8] = b"HTTP/1.1 ";

/// Counts of responses by status.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) sent: u64,
    pub(super) unauthorized: u64,
    pub(super) unavailable: u64,
    pub(super) other: u64,
    /// Connections that the server closed.
    pub(super) closed: u64,
}

/// A connection with its unsent bytes and the last bytes that were read.
struct Peer {
    stream: TcpStream,
    unsent: Vec<u8>,
    unread: Vec<u8>,
}

/// Sends the requests of `next` at this rate until `end`.
pub(super) fn send(
    address: SocketAddr,
    rate: u32,
    end: Instant,
    mut next: impl FnMut() -> Vec<u8>,
) -> std::io::Result<Answers> {
    let mut peers = (0..CONNECTIONS).map(|_| Peer::connect(address)).collect::<Result<Vec<_>, _>>()?;
    let mut answers = Answers::default();
    let (begin, interval, mut turn) = (Instant::now(), Duration::from_secs(1) / rate.max(1), 0_usize);
    let mut due = begin;
    while Instant::now() < end {
        while due <= Instant::now() {
            turn = (turn + 1) % CONNECTIONS;
            // A connection that the server cannot keep up with gets no more; the request counts as not offered.
            if let Some(peer) = peers.get_mut(turn).filter(|peer| peer.unsent.is_empty()) {
                peer.unsent = next();
                answers.sent += 1;
            }
            due += interval;
            peers.get_mut(turn).map_or(Ok(()), |peer| peer.exchange(address, &mut answers))?;
        }
        std::thread::sleep(TICK);
    }
    Ok(answers)
}

impl Peer {
    fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, unsent: Vec::new(), unread: Vec::new() })
    }

    /// Writes unsent bytes, reads available ones, and reconnects if the server has closed the connection.
    fn exchange(&mut self, address: SocketAddr, answers: &mut Answers) -> std::io::Result<()> {
        if self.write().and_then(|()| self.read(answers)).is_err() {
            answers.closed += 1;
            *self = Self::connect(address)?;
        }
        Ok(())
    }

    fn write(&mut self) -> std::io::Result<()> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(count) => drop(self.unsent.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self, answers: &mut Answers) -> std::io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => self.unread.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        answers.count(&mut self.unread);
        Ok(())
    }
}

impl Answers {
    /// Counts the responses that start in these bytes, and keeps the end, where another may start.
    fn count(&mut self, bytes: &mut Vec<u8>) {
        let whole = START.len() + 3;
        for window in bytes.windows(whole).filter(|window| window.starts_with(START)) {
            match window.get(START.len()..) {
                Some(b"401") => self.unauthorized += 1,
                Some(b"503") => self.unavailable += 1,
                _ => self.other += 1,
            }
        }
        let kept = bytes.len().min(whole - 1);
        bytes.drain(..bytes.len() - kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_once_however_the_bytes_are_split() {
        let text = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}HTTP/1.1 503 x\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
        for cut in 0..=text.len() {
            let (mut answers, mut bytes) = (Answers::default(), Vec::new());
            for part in [&text[..cut], &text[cut..]] {
                bytes.extend_from_slice(part);
                answers.count(&mut bytes);
            }
            assert_eq!((answers.unauthorized, answers.unavailable, answers.other), (1, 1, 1), "{cut}");
        }
    }
}
