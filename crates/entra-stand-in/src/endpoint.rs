//! Entra's endpoints, with their paths for the router and their names for faults and the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An endpoint that the stand-in serves for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// Both token endpoints.
    Token,
    /// The v1 discovery document.
    DiscoveryV1,
    /// The v2 discovery document.
    DiscoveryV2,
    /// Both key sets.
    Keys,
    /// Instance discovery for a URL of the tenant.
    Instance,
    /// The managed identity endpoints of IMDS and App Service.
    ManagedIdentity,
}

/// The endpoints' paths after the tenant; for instance discovery the whole path.
pub(crate) const INSTANCE: &str = "/common/discovery/instance";
pub(crate) const TOKEN: [&str; 2] = ["oauth2/token", "oauth2/v2.0/token"];
pub(crate) const DISCOVERY: [&str; 2] =
    [".well-known/openid-configuration", "v2.0/.well-known/openid-configuration"];
pub(crate) const KEYS: [&str; 2] = ["discovery/keys", "discovery/v2.0/keys"];

impl Endpoint {
    /// Returns the endpoint that serves a path, if one does.
    pub(crate) fn of_path(path: &str) -> Option<Self> {
        if path == INSTANCE {
            return Some(Self::Instance);
        }
        let (tenant, endpoint) = path.strip_prefix('/')?.split_once('/')?;
        let [discovery_v1, discovery_v2] = DISCOVERY;
        match endpoint {
            _ if tenant.is_empty() => None,
            _ if TOKEN.contains(&endpoint) => Some(Self::Token),
            _ if KEYS.contains(&endpoint) => Some(Self::Keys),
            _ if endpoint == discovery_v1 => Some(Self::DiscoveryV1),
            _ if endpoint == discovery_v2 => Some(Self::DiscoveryV2),
            _ => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Token => "token",
            Self::DiscoveryV1 => "discovery v1",
            Self::DiscoveryV2 => "discovery v2",
            Self::Keys => "keys",
            Self::Instance => "instance",
            Self::ManagedIdentity => "managed identity",
        })
    }
}
