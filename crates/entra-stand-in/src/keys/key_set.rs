//! The keys of a tenant with their states.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::{RollError, SigningKey};

/// A non-empty set of keys.
#[derive(Debug, Clone)]
pub(crate) struct KeySet {
    pub(super) current: Arc<SigningKey>,
    pub(super) others: Vec<(Arc<SigningKey>, KeyState)>,
}

/// The state of a key in a rollover.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// Published; has not signed yet.
    Announced,
    /// Published; signs all tokens.
    Signing,
    /// Published; has signed, and can be promoted again.
    Published,
    /// The key is published for tokens that it signed, but never signs again.
    Retired,
    /// No longer published.
    Removed,
}

impl KeySet {
    /// Creates a set whose first key signs; `None` if there are no keys.
    pub(super) fn from_keys(keys: Vec<SigningKey>) -> Option<Self> {
        let mut keys = keys.into_iter().map(Arc::new);
        let current = keys.next()?;
        Some(Self { current, others: keys.map(|key| (key, KeyState::Published)).collect() })
    }

    /// Returns the published keys, the current one first.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Arc<SigningKey>> {
        self.all().filter(|(_, state)| *state != KeyState::Removed).map(|(key, _)| key)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Arc<SigningKey>, KeyState)> {
        let others = self.others.iter().map(|(key, state)| (key, *state));
        std::iter::once((&self.current, KeyState::Signing)).chain(others)
    }

    /// Removes a key in one of these states, and returns its position.
    pub(super) fn take(
        &mut self,
        kid: &str,
        states: &[KeyState],
    ) -> Result<(Arc<SigningKey>, usize), RollError> {
        if self.current.kid() == kid {
            return Err(RollError::WrongState(KeyState::Signing));
        }
        let place = self.others.iter().position(|(key, _)| key.kid() == kid).ok_or(RollError::UnknownKey)?;
        let (key, state) = self.others.remove(place);
        if states.contains(&state) { Ok((key, place)) } else { Err(RollError::WrongState(state)) }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Announced => "announced",
            Self::Signing => "the signing one",
            Self::Published => "published",
            Self::Retired => "retired",
            Self::Removed => "removed",
        })
    }
}
