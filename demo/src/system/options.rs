//! The options of a system.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use entra_stand_in::Directory;

/// How to start the system.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The ports of the services.
    pub ports: Ports,
    /// The stand-in's directory; the default is the seeded one.
    pub directory: Option<Directory>,
    /// Additional variables for the resource-app.
    pub resource_variables: Vec<(String, String)>,
}

/// The choice of ports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// 5000, 5001, 5002 and 5010 to 5012, each replaced by a free port if in use.
    WellKnown,
    /// Free ports.
    #[default]
    Free,
}

impl Ports {
    pub(super) fn loopback(self, port: u16) -> SocketAddr {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Tests the port by binding it; some systems reserve 5000.
        match self {
            Self::Free => any,
            Self::WellKnown => TcpListener::bind(wanted).map_or_else(
                |error| {
                    tracing::warn!(%error, "cannot listen on port {port}; another port is used");
                    any
                },
                |_| wanted,
            ),
        }
    }
}
