//! Handles of numbers that were looked up before: finding one by its labels costs more than counting does.
//!
//! No caller makes up a label, so that a fast hash will do.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use foldhash::fast::RandomState;

/// What was made for a key before. There are as many keys as labels, which are bounded.
pub(super) struct Known<K, V>(RwLock<HashMap<K, V, RandomState>>);

impl<K: Hash + Eq, V> Known<K, V> {
    /// Uses what was made for a key, once it has been made.
    pub(super) fn with<Q>(&self, key: &Q, make: impl FnOnce() -> (K, V), mut using: impl FnMut(&V))
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(value) = self.0.read().unwrap_or_else(PoisonError::into_inner).get(key) {
            return using(value);
        }
        let (key, value) = make();
        // Whoever made the same at the same time made another handle of the same number.
        using(self.0.write().unwrap_or_else(PoisonError::into_inner).entry(key).or_insert(value));
    }
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}
