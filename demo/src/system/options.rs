//! What can be chosen about a system before it starts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use entra_stand_in::Directory;

/// How the system is to be started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which ports the services take.
    pub ports: Ports,
    /// The stand-in's directory, where it is not the seeded one.
    pub directory: Option<Directory>,
    /// More variables for the resource-app.
    pub resource_variables: Vec<(String, String)>,
}

/// Which ports the services take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Ports {
    /// 5000, 5001, 5002 and 5010 to 5012; a free one instead of one that is taken.
    WellKnown,
    /// Whatever is free.
    #[default]
    Free,
}

impl Ports {
    pub(super) fn loopback(self, port: u16) -> SocketAddr {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // Asked by binding it; some systems keep 5000 for themselves.
        let free = self == Self::WellKnown && TcpListener::bind(wanted).is_ok();
        if free { wanted } else { any }
    }
}
