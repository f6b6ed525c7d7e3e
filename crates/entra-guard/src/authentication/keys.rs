//! The keys that Entra signs tokens with.
//!
//! One background task owns them: it fetches the key set now and then, and when a token names a key that is not
//! in it. Requests read an immutable snapshot, swapped whole. A request never waits for the network on a key that
//! is at hand.
//!
//! **How soon a new key is known.** The first token that names it causes a fetch and is accepted after it. Whoever
//! knows the tenant and the API can write unsigned tokens that name keys they made up, and nothing tells these from
//! the first token of a new key before the fetch. So such fetches come out of a bucket; one that brings a key that has
//! not been seen within the hour is put back. A flood empties the bucket, and then a new key is known with the next fetch
//! that the flood itself is allowed: at the latest when the bucket refills (`unknown_key_refill_seconds`), or the hourly
//! refresh comes. Until then, half a minute after the last fetch, nobody can say that a key is unknown. Entra
//! publishes a key well before it signs with it, so in a planned rollover the refresh has brought it long before.
//!
//! **How soon a removed key is refused.** At the latest `removed_key_grace_seconds` after the last fetch that brought
//! it; while no fetch succeeds, `max_age_seconds` after the last one that did.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

mod bucket;
mod demand;
mod familiar;
mod key_set;
mod moment;
mod refresh;
mod settings;
mod signing_key;
mod snapshot;
mod source;
mod state;
mod unknown;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use key_set::KeySet;
pub use settings::KeySettings;
pub use signing_key::SigningKey;
use snapshot::Snapshot;
pub use source::KeySource;
use state::{Fetches, Shared};

/// The current keys, and the task that keeps them current; the task ends with the last `Keys`.
#[derive(Debug)]
pub struct Keys {
    shared: Arc<Shared>,
    _task: Option<AbortOnDropHandle<()>>,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Entra publishes no key of that name, or none of use, as far as is known.
    Unknown,
    /// There is no usable key set, or none that is new enough to say that there is no such key.
    Unavailable,
}

/// What there is to report about the keys.
#[derive(Debug, Clone, Copy)]
pub struct KeyStatus {
    /// How many keys are published; none where they are too old to be used.
    pub keys: usize,
    /// How many keys are used although they are no longer published.
    pub removed: usize,
    /// How long ago they were fetched.
    pub age: Option<Duration>,
    /// How many fetches brought a key set.
    pub fetched: u64,
    /// How many fetches failed.
    pub failed: u64,
}

impl Keys {
    /// Starts fetching keys in the background.
    #[must_use]
    pub fn start(source: KeySource, settings: &KeySettings) -> Self {
        let fetch = move || {
            let source = source.clone();
            async move { source.fetch().await }
        };
        Self::start_fetching(fetch, settings)
    }

    fn start_fetching<F, O>(fetch: F, settings: &KeySettings) -> Self
    where
        F: FnMut() -> O + Send + 'static,
        O: Future<Output = refresh::Outcome> + Send + 'static,
    {
        let shared = Arc::new(Shared::new(settings));
        let interval = Duration::from_secs(settings.refresh_interval_seconds.get());
        let task = tokio::spawn(refresh::run(Arc::clone(&shared), fetch, interval));
        Self { shared, _task: Some(AbortOnDropHandle::new(task)) }
    }

    /// The key of this name. Waits, for a bounded time, only where it is not at hand and a fetch may bring it.
    ///
    /// # Errors
    /// There is no such key, or no usable key set.
    pub async fn find(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        self.shared.find(key_id).await
    }

    /// A number that is another one whenever a key has come, changed or ceased to be usable; none without usable keys.
    ///
    /// What was verified under one number is to be verified again under another.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.shared.usable(Snapshot::generation)
    }

    /// Whether tokens can be verified.
    #[must_use]
    pub fn are_usable(&self) -> bool {
        self.shared.usable(|_| ()).is_some()
    }

    /// Waits until tokens can be verified.
    pub(crate) async fn ready(&self) {
        let mut fetches = self.shared.fetches.subscribe();
        while !self.are_usable() {
            // The sender lives as long as `self`.
            let _ = fetches.changed().await;
        }
    }

    /// What there is to report.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let Fetches { fetched, failed, .. } = *self.shared.fetches.borrow();
        let (keys, removed) = self.shared.usable(|keys| (keys.len(), keys.removed())).unwrap_or_default();
        KeyStatus { keys, removed, age: self.shared.age(), fetched, failed }
    }

    /// Takes a key set in as if it had been fetched.
    #[cfg(test)]
    pub(super) fn replace(&self, keys: KeySet) {
        refresh::take_in(&self.shared, Ok(keys));
    }

    /// Keys that are never fetched, and stay usable for ever.
    #[must_use]
    pub fn fixed(keys: KeySet) -> Self {
        Self { shared: Arc::new(Shared::never_fetching(keys)), _task: None }
    }
}

#[cfg(test)]
mod tests;
