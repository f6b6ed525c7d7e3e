//! The keys that Entra signs tokens with.
//!
//! One background task owns them. It fetches the key set at an interval, and when a token names an unknown key.
//! Requests read an immutable snapshot. A request with a known key never waits for the network.
//!
//! **How soon a new key is accepted.** The first token with an unknown key id causes a fetch and is accepted after it.
//! Anyone can send unsigned tokens with made-up key ids, and only a fetch tells them from the first token of a new key.
//! So such fetches have a budget: `unknown_key_fetches` in reserve, and one more each `unknown_key_refill_seconds`.
//! While a flood keeps the budget empty, a new key is accepted after the next refill; until then its tokens are
//! refused with `key_unknown`. Entra publishes a key long before it signs with it, so in a planned rollover the
//! refresh has already fetched it.
//!
//! **How soon a removed key is refused.** At most `removed_key_grace_seconds` after the last fetch that contained it,
//! or `max_age_seconds` after the last successful fetch if none has succeeded since.
//!
//! <https://learn.microsoft.com/entra/identity-platform/signing-key-rollover>

mod budget;
mod key_set;
mod refresh;
mod settings;
mod signing_key;
mod sleep_aware;
mod snapshot;
mod source;
mod state;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

pub use key_set::KeySet;
pub use settings::KeySettings;
pub use signing_key::SigningKey;
use snapshot::Snapshot;
pub use source::KeySource;
use state::{Fetches, Shared};

/// The current signing keys. A background task keeps them current until the last clone of this is dropped.
#[derive(Debug)]
pub struct Keys {
    shared: Arc<Shared>,
    _task: Option<AbortOnDropHandle<()>>,
}

/// Why no key was found for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// The newest key set has no usable key with this id.
    Unknown,
    /// There is no usable key set, or the last fetch failed and the key may be new.
    Unavailable,
}

/// The state of the keys, for health checks and metrics.
#[derive(Debug, Clone, Copy)]
pub struct KeyStatus {
    /// Number of published keys; 0 if they are too old to be used.
    pub keys: usize,
    /// Number of keys that are no longer published but still in their grace period.
    pub removed: usize,
    /// Time since the last successful fetch.
    pub age: Option<Duration>,
    /// Number of successful fetches.
    pub fetched: u64,
    /// Number of failed fetches.
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

    /// Finds the key with this id (`kid`).
    ///
    /// A known key is returned at once. For an unknown one the call waits up to `unknown_key_wait_milliseconds` for a
    /// fetch, if the budget allows one.
    ///
    /// # Errors
    /// There is no such key, or no usable key set.
    pub async fn find(&self, key_id: &str) -> Result<Arc<SigningKey>, KeyError> {
        self.shared.find(key_id).await
    }

    /// Returns a number that changes whenever a key is added, changed or removed; `None` without usable keys.
    ///
    /// A token that was verified under another number must be verified again.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.shared.usable(Snapshot::generation)
    }

    /// Returns whether tokens can be verified.
    #[must_use]
    pub fn are_usable(&self) -> bool {
        self.shared.usable(|_| ()).is_some()
    }

    /// Waits until tokens can be verified.
    pub(crate) async fn ready(&self) {
        // The sender lives as long as `self`, so this never fails.
        let _ = self.shared.fetches.subscribe().wait_for(|_| self.are_usable()).await;
    }

    /// Waits until tokens can be verified or a fetch has failed.
    pub(crate) async fn first_fetch(&self) {
        let is_over = |fetches: &Fetches| fetches.failed > 0 || self.are_usable();
        let _ = self.shared.fetches.subscribe().wait_for(is_over).await;
    }

    /// Returns the state of the keys, for health checks and metrics.
    #[must_use]
    pub fn status(&self) -> KeyStatus {
        let Fetches { fetched, failed, .. } = *self.shared.fetches.borrow();
        let (keys, removed) = self.shared.usable(|keys| (keys.len(), keys.removed())).unwrap_or_default();
        KeyStatus { keys, removed, age: self.shared.age(), fetched, failed }
    }

    /// Publishes a key set as if it had been fetched.
    #[cfg(test)]
    pub(super) fn replace(&self, keys: KeySet) {
        refresh::record(&self.shared, Ok(keys));
    }

    /// Uses these keys forever and fetches none. For tests and offline tools.
    #[must_use]
    pub fn fixed(keys: KeySet) -> Self {
        Self { shared: Arc::new(Shared::never_fetching(keys)), _task: None }
    }
}

#[cfg(test)]
mod tests;
