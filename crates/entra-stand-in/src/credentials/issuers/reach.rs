//! Classifies addresses by the network that can reach them.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use crate::credentials::federated::is_this_machine;

/// The network that can reach an address, nearest first.
///
/// A document may refer only to addresses as far away as itself or farther, because nearer services often trust their
/// network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// This machine or its link (loopback, link-local), such as a cloud's metadata service.
    Machine,
    /// A private network, or carrier-grade NAT (RFC 6598).
    Network,
    /// The public internet.
    World,
}

impl Reach {
    /// Classifies an address; an IPv4-mapped IPv6 address counts as IPv4.
    pub(super) fn for_address(address: IpAddr) -> Self {
        let address = address.to_canonical();
        let (link, network) = match address {
            IpAddr::V4(address) => (address.is_link_local(), address.is_private() || is_shared(address)),
            IpAddr::V6(address) => (address.is_unicast_link_local(), address.is_unique_local()),
        };
        if link || address.is_loopback() || address.is_unspecified() {
            Self::Machine
        } else if network {
            Self::Network
        } else {
            Self::World
        }
    }

    /// Classifies a URL's host, if it needs no look-up.
    pub(super) fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::for_address(address.into())),
            Host::Ipv6(address) => Some(Self::for_address(address.into())),
            Host::Domain(_) => is_this_machine(url).then_some(Self::Machine),
        }
    }
}

/// Returns whether an address is in 100.64.0.0/10.
fn is_shared(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 100 && second & 0b1100_0000 == 64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_as_near_as_its_range_says_in_whichever_form_it_is_written() {
        for (reach, addresses) in [
            (
                Reach::Machine,
                "127.0.0.1 127.1.2.3 0.0.0.0 169.254.169.254 ::1 :: fe80::1 ::ffff:127.0.0.1 ::ffff:169.254.169.254",
            ),
            (
                Reach::Network,
                "10.0.0.1 172.16.0.1 172.31.0.1 192.168.1.1 100.64.0.1 100.100.100.200 fd00:ec2::254 fc00::1 \
                 ::ffff:10.0.0.1",
            ),
            (
                Reach::World,
                "1.1.1.1 172.32.0.1 192.169.0.1 100.128.0.1 100.63.0.1 169.253.0.1 2606:4700::1111 ::ffff:1.1.1.1",
            ),
        ] {
            for address in addresses.split_whitespace() {
                assert_eq!(Reach::for_address(address.parse().unwrap()), reach, "{address}");
            }
        }
        assert!(Reach::Machine < Reach::Network && Reach::Network < Reach::World);
    }
}
