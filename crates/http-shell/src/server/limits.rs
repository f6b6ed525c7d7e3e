//! The limits on what a peer can hold open, and for how long.

use std::time::Duration;

use super::settings;

/// The most connections of a small listener, such as that of the metrics.
pub(super) const FEW_CONNECTIONS: u64 = 16;

/// The limits of every connection. Programs use the defaults; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Time to send a request's header; for the first one, it includes the TLS handshake.
    pub(super) header_timeout: Duration,
    /// Time to begin the next request on a connection.
    pub(super) keep_alive: Duration,
    /// The time to send a request's body, from when the server starts waiting for it.
    pub(super) body_timeout: Duration,
    /// Time to read the answers that wait to be sent.
    pub(super) write_timeout: Duration,
    /// How long the server reads on from a peer that was refused while it was still sending.
    pub(super) linger: Duration,
    /// How many bytes the server reads from such a peer.
    pub(super) linger_bytes: usize,
    /// Time to begin a request on a silent connection after the server has stopped accepting.
    pub(super) begin_timeout: Duration,
    /// The largest request header in bytes, including the request line.
    pub(super) max_header_bytes: usize,
    /// The most simultaneous connections.
    pub(super) max_connections: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A little under 10 s, so that a silent peer is gone within 10 s.
            header_timeout: Duration::from_secs(9),
            keep_alive: settings::KEEP_ALIVE,
            body_timeout: Duration::from_secs(20),
            write_timeout: Duration::from_secs(20),
            linger: Duration::from_secs(2),
            // Twice the largest body of the services here: a client a little over the limit that reads only after
            // sending everything learns the reason.
            linger_bytes: 1024 * 1024,
            begin_timeout: Duration::from_secs(2),
            // Room for a token of 16 KiB and the usual fields.
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
