//! Good requests that are in flight when the server gets a signal to end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::slow::head_of_post;

/// The body of each request, in two halves.
const BODY: [&str; 2] = ["{\"name\": \"in flight\", ", "\"content\": null}"];

/// How long a response may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Good requests, each sent without the second half of its body.
#[derive(Debug)]
pub(super) struct InFlight(Vec<TcpStream>);

impl InFlight {
    pub(super) fn send(address: SocketAddr, token: &str, count: usize) -> std::io::Result<Self> {
        let [first, second] = BODY;
        let request = head_of_post(token, first.len() + second.len()) + first;
        let send = |_| {
            let mut stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(request.as_bytes())?;
            Ok(stream)
        };
        (0..count).map(send).collect::<std::io::Result<_>>().map(Self)
    }

    /// Sends the rest, and returns how many responses were not 201.
    pub(super) fn finish(self) -> u64 {
        let mut failed = 0;
        for mut stream in self.0 {
            let mut status = [0; 12];
            let sent = stream.write_all(BODY[1].as_bytes());
            let read = sent.and_then(|()| stream.read_exact(&mut status));
            failed += u64::from(read.is_err() || !status.ends_with(b" 201"));
        }
        failed
    }
}
