//! Section `[server]` of every service.

use std::net::SocketAddr;
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
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let ip = self.listen.ip();
        if ip.is_unspecified() || ip.is_loopback() {
            format!("{scheme}://localhost:{}", self.listen.port())
        } else {
            format!("{scheme}://{}", self.listen)
        }
    }
}
