//! The caches that related retrievers share, one per key.

use std::sync::{Arc, Mutex, PoisonError};

use entra_shared::ids::{AppIdUri, ClientId};
use url::Url;

use crate::TokenSource;
use crate::cache::Cache;

/// The largest number of keys. It is enough for every resource and tenant of a service, and takes a few megabytes at
/// most.
const MOST_KEYS: usize = 1000;

/// The identity of a token, which consists of its endpoint's URL and, for a client, the client id and the resource.
///
/// The URL contains the authority, the tenant and the version. That of a managed identity also contains the identity
/// and the resource.
type Key = (Url, Option<(ClientId, AppIdUri)>);

fn key(source: &TokenSource) -> Key {
    match source {
        TokenSource::TokenEndpoint(request) => (
            request.authority.token_endpoint(request.version),
            Some((request.client_id, request.resource.clone())),
        ),
        TokenSource::ManagedIdentity(identity) => {
            (identity.endpoint.url(&identity.resource, identity.user_assigned.as_ref()), None)
        }
    }
}

/// The caches by key, the least recently used first. Locked only when a retriever is created.
#[derive(Debug, Default)]
pub(super) struct Caches(Mutex<Vec<(Key, Arc<Cache>)>>);

impl Caches {
    /// Returns the cache for this source, and creates it if there is none.
    ///
    /// Beyond the limit, evicts the least recently used key, preferably one without a retriever. Existing retrievers keep
    /// their cache.
    pub(super) fn for_source(&self, source: &TokenSource) -> Arc<Cache> {
        let key = key(source);
        let mut caches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let cache = match caches.iter().position(|(known, _)| *known == key) {
            Some(known) => caches.remove(known).1,
            None => Arc::default(),
        };
        if caches.len() >= MOST_KEYS {
            let unused = caches.iter().position(|(_, cache)| Arc::strong_count(cache) == 1);
            caches.remove(unused.unwrap_or(0));
        }
        caches.push((key, Arc::clone(&cache)));
        cache
    }
}

#[cfg(test)]
mod tests {
    use entra_shared::azure_ad::{Authority, Instance, Version};
    use entra_shared::secret::ClientSecret;

    use super::*;
    use crate::TokenRequest;

    const IDS: [&str; 2] = ["8d2b6c1e-4f7a-4c39-9a51-3e0c7b9d4f20", "3c9e5d7a-1b40-4e62-b8d5-9f27a6c0e813"];

    fn source(instance: &str, tenant: &str, client: &str, resource: &str) -> TokenSource {
        let instance = Instance::parse(instance).unwrap();
        TokenRequest {
            authority: Authority::new(instance, tenant.parse().unwrap(), None),
            client_id: client.parse().unwrap(),
            credentials: ClientSecret::parse("canary").unwrap().into(),
            resource: AppIdUri::parse(resource).unwrap(),
            version: Version::V2,
        }
        .into()
    }

    #[test]
    fn authorities_tenants_clients_and_resources_have_caches_of_their_own() {
        let (caches, mut seen) = (Caches::default(), Vec::new());
        for instance in ["https://login.microsoftonline.com", "https://login.microsoftonline.us"] {
            for tenant in IDS {
                for client in IDS {
                    for resource in ["api://a", "api://b", "api://b/"] {
                        let source = source(instance, tenant, client, resource);
                        let cache = caches.for_source(&source);
                        assert!(Arc::ptr_eq(&cache, &caches.for_source(&source)));
                        seen.push(cache);
                    }
                }
            }
        }
        for (i, cache) in seen.iter().enumerate() {
            assert!(seen[i + 1..].iter().all(|other| !Arc::ptr_eq(cache, other)));
        }
        assert_eq!(seen.len(), 24);
    }

    #[test]
    fn a_key_without_a_retriever_is_forgotten_first_and_then_the_one_that_was_made_least_recently() {
        let caches = Caches::default();
        let source = |i: usize| source("https://localhost", IDS[0], IDS[1], &format!("api://{i}"));
        let mut kept: Vec<_> = (0..MOST_KEYS).map(|i| caches.for_source(&source(i))).collect();
        let is_kept = |i: usize, cache: &Arc<Cache>| Arc::ptr_eq(cache, &caches.for_source(&source(i)));
        // The last retriever of a key that was made after all the others is gone.
        drop(kept.pop());
        kept.push(caches.for_source(&source(MOST_KEYS)));
        assert!(is_kept(0, &kept[0]) && is_kept(1, &kept[1]));
        // All have a retriever now, and the one that was asked for least recently goes.
        caches.for_source(&source(MOST_KEYS + 1));
        // All but that one.
        let last = caches.for_source(&source(MOST_KEYS + 2));
        assert!(is_kept(3, &kept[3]) && is_kept(MOST_KEYS + 2, &last));
        assert!(!is_kept(2, &kept[2]));
    }
}
