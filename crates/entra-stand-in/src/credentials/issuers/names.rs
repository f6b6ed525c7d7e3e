//! DNS look-ups that leave out addresses in forbidden networks.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::reach::Reach;

/// Resolves names with the system's resolver.
pub(super) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let addresses = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(Box::new(addresses.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}

/// Resolves a document's host name, without addresses in a nearer network than the referring document's.
///
/// The client connects to these addresses only, since a second look-up could return others (DNS rebinding). Any other
/// name it resolves is a proxy's, which the settings name.
pub(super) struct JudgedName {
    pub(super) host: String,
    pub(super) nearest: Reach,
    pub(super) names: Arc<dyn Resolve>,
}

impl Resolve for JudgedName {
    fn resolve(&self, name: Name) -> Resolving {
        if !name.as_str().eq_ignore_ascii_case(&self.host) {
            return self.names.resolve(name);
        }
        let (host, nearest, found) = (self.host.clone(), self.nearest, self.names.resolve(name));
        Box::pin(async move {
            let (far, near): (Vec<_>, Vec<_>) =
                found.await?.partition(|address| Reach::for_address(address.ip()) >= nearest);
            match near.first() {
                Some(address) if far.is_empty() => Err(TooNear { host, address: address.ip() }.into()),
                _ => Ok(Box::new(far.into_iter()) as Addrs),
            }
        })
    }
}

impl fmt::Debug for JudgedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, nearest, .. } = self;
        f.debug_struct("JudgedName").field("host", host).field("nearest", nearest).finish_non_exhaustive()
    }
}

/// The issuer's document refers to a host in a nearer network than the issuer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the keys are said to be at {host}, which is {address}: nearer than the issuer, and only an issuer that is \
     registered by an address as near may name it"
)]
pub(super) struct TooNear {
    pub(super) host: String,
    pub(super) address: IpAddr,
}

impl TooNear {
    /// Finds this error among the causes of a failed request.
    pub(super) fn find_in(error: &reqwest::Error) -> Option<&Self> {
        let first: &(dyn std::error::Error + 'static) = error;
        std::iter::successors(Some(first), |error| error.source()).find_map(|error| error.downcast_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    /// A public address and a private one.
    struct Both;

    impl Resolve for Both {
        fn resolve(&self, _: Name) -> Resolving {
            let addresses = ["10.0.0.1", "1.1.1.1"].map(|ip| SocketAddr::new(ip.parse().unwrap(), 0));
            Box::pin(std::future::ready(Ok(Box::new(addresses.into_iter()) as Addrs)))
        }
    }

    #[tokio::test]
    async fn localhost_is_too_near_for_a_document_from_elsewhere() {
        for (nearest, refused) in [(Reach::Machine, false), (Reach::Network, true), (Reach::World, true)] {
            let judged = JudgedName { host: "localhost".into(), nearest, names: Arc::new(SystemNames) };
            let outcome = judged.resolve("localhost".parse().unwrap()).await;
            assert_eq!(outcome.is_err_and(|error| error.is::<TooNear>()), refused, "{nearest:?}");
        }
    }

    #[tokio::test]
    async fn of_the_addresses_of_a_name_those_that_are_too_near_are_left_out_and_a_proxys_are_not_judged() {
        let judged = JudgedName { host: "keys.example".into(), nearest: Reach::World, names: Arc::new(Both) };
        for (name, addresses) in
            [("keys.example", vec!["1.1.1.1"]), ("proxy.example", vec!["10.0.0.1", "1.1.1.1"])]
        {
            let found = judged.resolve(name.parse().unwrap()).await.ok().unwrap();
            assert_eq!(found.map(|address| address.ip().to_string()).collect::<Vec<_>>(), addresses);
        }
    }
}
