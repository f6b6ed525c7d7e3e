//! Caches metric handles, since looking one up by its labels costs more than counting.
//!
//! Callers cannot choose the labels, so a fast hash function is safe.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;

/// Handles by their labels, of which there is a bounded number.
pub(super) struct HandleCache<K, V>(RwLock<HashMap<K, V, RandomState>>);

impl<K: Hash + Eq, V> HandleCache<K, V> {
    /// Calls `using` with the handle of a key, which is made first if necessary.
    pub(super) fn with<Q>(&self, key: &Q, make: impl FnOnce() -> (K, V), using: impl FnOnce(&V))
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(value) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return using(value);
        }
        let (key, value) = make();
        // Two threads may make a handle at once; both handles count the same metric.
        using(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(value));
    }
}

impl<K, V> Default for HandleCache<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}
