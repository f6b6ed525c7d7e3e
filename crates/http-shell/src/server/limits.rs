//! What a peer can hold open, and for how long.

use std::time::Duration;

/// The most connections of a listener beside the service's own, such as that of its metrics.
pub(super) const CONNECTIONS_BESIDE: u64 = 16;

/// The limits of every connection. The programs run with the default; a test shortens what it waits for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long a peer may take to send a request's header; the first time the TLS handshake is part of it.
    ///
    /// It also ends a kept-alive connection on which no next request comes.
    pub(super) header_timeout: Duration,
    /// How long a peer may take to send a request's body, once the server waits for it.
    pub(super) body_timeout: Duration,
    /// How long a peer may take to make room for the answers that wait to be sent.
    pub(super) write_timeout: Duration,
    /// How long a peer that was refused before it had sent everything is still listened to.
    pub(super) linger: Duration,
    /// How many bytes it is listened to for.
    pub(super) linger_bytes: usize,
    /// How long, after the last connection was accepted, one on which nothing came yet may begin its request.
    pub(super) begin_timeout: Duration,
    /// The largest request header, in bytes, its request line included.
    pub(super) max_header_bytes: usize,
    /// The most connections at a time.
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
            // Twice the largest body that any of the services takes. Whoever was a little over it and reads only when
            // all is sent learns why; whoever sends more than that is not about to read.
            linger_bytes: 1024 * 1024,
            begin_timeout: Duration::from_secs(2),
            // Room for a token of 16 KiB beside the usual fields.
            max_header_bytes: 64 * 1024,
            max_connections: 10_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_sends_nothing_is_gone_within_10_s_and_one_that_is_slow_within_30() {
        let limits = Limits::default();
        assert!(limits.header_timeout < Duration::from_secs(10));
        assert!(limits.body_timeout + limits.linger < Duration::from_secs(30));
        assert!(limits.write_timeout + limits.linger < Duration::from_secs(30));
    }

    #[test]
    fn there_is_room_for_the_largest_token_in_a_header_and_for_a_body_beyond_the_largest() {
        let limits = Limits::default();
        assert!(limits.max_header_bytes >= 2 * 16 * 1024);
        assert!(limits.linger_bytes > 512 * 1024);
    }
}
