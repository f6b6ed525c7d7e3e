//! Section `[server]` of every service.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::TlsSettings;

/// Longer than the minute for which most load balancers keep an idle connection.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Section `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// How long the server accepts connections after a shutdown signal, while it reports that it is not ready.
    ///
    /// Part of [`Self::drain_timeout_seconds`], and at most half of it.
    #[serde(default)]
    pub shutdown_delay_seconds: u64,
    /// How long the end may take after a shutdown signal; requests still in flight then are cut off.
    ///
    /// 32 bits, so that adding it to the current time cannot overflow.
    pub drain_timeout_seconds: NonZeroU32,
    /// How long a connection may wait for its next request, in seconds; sent as `Keep-Alive: timeout`.
    ///
    /// A load balancer that keeps idle connections longer loses requests on connections that are being closed.
    #[serde(default = "keep_alive_seconds")]
    pub keep_alive_seconds: NonZeroU32,
    /// The certificate for https. Without one the server speaks http.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
}

fn keep_alive_seconds() -> NonZeroU32 {
    u32::try_from(KEEP_ALIVE.as_secs()).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
}

impl ServerSettings {
    /// Returns how long a connection may wait for its next request.
    #[must_use]
    pub fn keep_alive(&self) -> Duration {
        Duration::from_secs(self.keep_alive_seconds.get().into())
    }

    /// Returns how long the end may take after a shutdown signal.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        Duration::from_secs(self.drain_timeout_seconds.get().into())
    }

    /// Returns how long the server accepts connections after a shutdown signal.
    #[must_use]
    pub fn shutdown_delay(&self) -> Duration {
        Duration::from_secs(self.shutdown_delay_seconds).min(self.drain_timeout() / 2)
    }

    /// Returns the base URL for a client on this machine, without a trailing slash, such as a health check.
    #[must_use]
    pub fn local_url(&self) -> String {
        local_url(self.tls.is_some(), self.listen)
    }
}

/// Returns the base URL of a listener for a client on this machine, without a trailing slash.
#[must_use]
pub fn local_url(tls: bool, address: SocketAddr) -> String {
    let scheme = if tls { "https" } else { "http" };
    // By name if possible, since certificates name hosts; another address answers only to itself.
    if address.ip().is_unspecified() || address.ip() == Ipv4Addr::LOCALHOST {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}
