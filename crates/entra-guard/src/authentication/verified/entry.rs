//! A cached token.

use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::Verified;

/// The memory that an entry takes besides its texts, in bytes: for the caller, the cache slot and the allocator.
const FIXED_BYTES: usize = 400;

/// The memory that a role takes besides its text, in bytes.
const ROLE_BYTES: usize = 40;

/// A verified token, with its caller and the conditions under which it is accepted again.
pub(super) struct Entry {
    /// The token's first segment, shared with other tokens.
    header: Arc<str>,
    /// The rest of the token; a secret, so it is zeroed when it is dropped.
    rest: SecretString,
    pub(super) verified: Verified,
}

impl Entry {
    pub(super) fn new(header: Arc<str>, rest: &str, verified: Verified) -> Self {
        Self { header, rest: rest.into(), verified }
    }

    /// Returns whether this entry belongs to the token.
    pub(super) fn holds(&self, token: &[u8]) -> bool {
        let rest = token.strip_prefix(self.header.as_bytes());
        rest.is_some_and(|rest| rest == self.rest.expose_secret().as_bytes())
    }

    /// Upper bound of the memory that the entry takes, in bytes, as if the header were not shared.
    pub(super) fn bytes(&self) -> usize {
        let roles: usize = self.verified.caller.roles().iter().map(|role| role.len() + ROLE_BYTES).sum();
        self.header.len() + self.rest.expose_secret().len() + roles + FIXED_BYTES
    }
}
