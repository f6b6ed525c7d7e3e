//! Entra's endpoints by name, for faults and the journal.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One of the endpoints that the stand-in serves for a tenant.
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
    /// Instance discovery, asked about a URL of the tenant.
    Instance,
    /// Both shapes in which a workload asks for a managed identity's token.
    ManagedIdentity,
}

impl Endpoint {
    /// The endpoint that answers on a route.
    pub(crate) fn of_route(route: &str) -> Option<Self> {
        match route {
            "/{tenant}/oauth2/token" | "/{tenant}/oauth2/v2.0/token" => Some(Self::Token),
            "/{tenant}/.well-known/openid-configuration" => Some(Self::DiscoveryV1),
            "/{tenant}/v2.0/.well-known/openid-configuration" => Some(Self::DiscoveryV2),
            "/{tenant}/discovery/keys" | "/{tenant}/discovery/v2.0/keys" => Some(Self::Keys),
            "/common/discovery/instance" => Some(Self::Instance),
            "/metadata/identity/oauth2/token"
            | "/metadata/identity/oauth2/token/"
            | "/msi/token"
            | "/msi/token/" => Some(Self::ManagedIdentity),
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
