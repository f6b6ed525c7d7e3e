//! Section `[server]` of every service.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU64;

use serde::Deserialize;

use super::TlsSettings;

/// Section `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// The address to listen on; loopback unless told otherwise.
    pub listen: SocketAddr,
    /// How long requests in flight may take after a signal to end.
    pub drain_timeout_seconds: NonZeroU64,
    /// Serves https where it is set, http otherwise.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
}

impl ServerSettings {
    /// The base URL for a client on this machine, without a trailing slash; for a program that asks after itself.
    #[must_use]
    pub fn local_url(&self) -> String {
        url(self.tls.is_some(), self.listen)
    }
}

/// A base URL for a client on this machine.
pub(super) fn url(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    // By name where a certificate for the name will do; an address of one interface answers to itself alone.
    if address.ip().is_unspecified() || address.ip() == Ipv4Addr::LOCALHOST {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}
