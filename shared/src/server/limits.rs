//! What a peer can hold open, and for how long.

use std::time::Duration;

/// The limits of every connection. The programs run with the default; a test shortens what it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a peer may take to send a request's header, or to do the TLS handshake.
    ///
    /// It also ends a kept-alive connection on which no next request comes.
    pub(super) header_timeout: Duration,
    /// How long a peer may take to send a request's body, once the server waits for it.
    pub(super) body_timeout: Duration,
    /// How long a peer may take to make room for the answers that wait to be sent.
    pub(super) write_timeout: Duration,
    /// How long a peer that was refused before it had sent everything is still listened to.
    pub(super) linger: Duration,
    /// The largest request header, in bytes, its request line included.
    pub(super) max_header_bytes: usize,
    /// The most connections at a time; further ones wait in the operating system's queue.
    pub(super) max_connections: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A little under 10 s, so that a peer that sends nothing is gone within them.
            header_timeout: Duration::from_secs(9),
            body_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(20),
            linger: Duration::from_secs(2),
            // Room for a token of 16 KiB beside the usual fields.
            max_header_bytes: 64 * 1024,
            max_connections: 10_000,
        }
    }
}
