//! From how far away an address can be reached.

use std::net::{IpAddr, Ipv4Addr};

use url::{Host, Url};

use crate::credentials::federated::is_this_machine;

/// From where an address can be reached, the nearest first.
///
/// A document has a say about what is asked as far away as itself, or farther: what is nearer trusts whoever reaches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// From this machine alone, or from its link: where a cloud hands out the machine's own tokens.
    Machine,
    /// From a private network, or one that is shared behind a provider's translation (RFC 6598).
    Network,
    /// From everywhere.
    World,
}

impl Reach {
    /// That of an address. An IPv4 address that is written as one of IPv6 is what it is.
    pub(super) fn of(address: IpAddr) -> Self {
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

    /// That of a URL's host, where it needs no look-up.
    pub(super) fn of_literal(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(address.into())),
            Host::Ipv6(address) => Some(Self::of(address.into())),
            Host::Domain(_) => is_this_machine(url).then_some(Self::Machine),
        }
    }
}

/// Whether an address is of 100.64.0.0/10.
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
                assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
            }
        }
        assert!(Reach::Machine < Reach::Network && Reach::Network < Reach::World);
    }
}
