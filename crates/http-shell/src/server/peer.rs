//! The state of a connection's peer, which the connection and its stream share.

use std::sync::Arc;

use tokio::time::Instant;

use super::connection_limit::Idleness;
use super::counts::ConnectionCounts;
use super::progress::Progress;

/// The peer of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    /// When the peer's first head, and the TLS handshake before it, must be complete.
    pub(super) first_head_by: Instant,
    pub(super) idleness: Idleness,
    pub(super) progress: Progress,
    pub(super) counts: Arc<ConnectionCounts>,
}
