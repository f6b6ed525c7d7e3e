//! Section `[server]` of every service.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::TlsSettings;

/// Section `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// The address to listen on; loopback unless told otherwise.
    pub listen: SocketAddr,
    /// How long after a signal to end it still accepts connections, while it says that it is not ready.
    ///
    /// At most half of [`Self::drain_timeout_seconds`], of which it is a part.
    #[serde(default)]
    pub shutdown_delay_seconds: u64,
    /// How long after a signal to end everything may take; what is not done by then is cut off.
    ///
    /// Of 32 bits, so that a moment so much later can be told.
    pub drain_timeout_seconds: NonZeroU32,
    /// Serves https where it is set, http otherwise.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
}

impl ServerSettings {
    /// How long after a signal to end everything may take.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_seconds.get().into())
    }

    /// How long after a signal to end it still accepts connections.
    #[must_use]
    pub fn shutdown_delay(&self) -> Duration {
        Duration::from_secs(self.shutdown_delay_seconds).min(self.drain_timeout() / 2)
    }

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
