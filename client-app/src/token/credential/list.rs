//! The credentials of one client.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use shared::secret::ClientSecret;

use super::attempts::Attempts;
use super::slot::{Expiry, Slot};
use super::{Claimant, Credential, SecretCredential};

/// What a client proves itself with: one credential, or several that are tried in turn.
///
/// Two make a rotation without a gap: the next one is there before the last one expires. Clones share what was learnt
/// about which one is refused.
#[derive(Clone)]
pub struct Credentials {
    first: Arc<Slot>,
    others: Vec<Arc<Slot>>,
}

impl Credentials {
    /// This credential alone.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self { first: Arc::new(Slot::new(credential)), others: Vec::new() }
    }

    /// With a further one, tried when those before it are refused.
    #[must_use]
    pub fn or(mut self, credential: Credential) -> Self {
        self.others.push(Arc::new(Slot::new(credential)));
        self
    }

    /// Each of them, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.slots().map(Slot::credential)
    }

    /// When each of them expires, but for those of which that is not known.
    pub fn expiries(&self) -> impl Iterator<Item = Expiry<'_>> {
        self.slots().filter_map(Slot::expiry)
    }

    /// Says in the log which of them expire within 30 days; once a day, however often it is called.
    pub fn warn_of_expiry(&self) {
        self.slots().for_each(Slot::warn_of_expiry);
    }

    /// The credentials to try for one token: first those that are not known to be refused, then the others.
    pub(in crate::token) async fn attempts<'a>(&'a self, claimant: Claimant<'a>) -> Attempts<'a> {
        let (mut turns, mut refused) = (VecDeque::new(), VecDeque::new());
        for slot in self.slots() {
            let turns = if slot.is_refused().await { &mut refused } else { &mut turns };
            turns.push_back(slot);
        }
        self.warn_of_expiry();
        turns.append(&mut refused);
        let first = turns.pop_front().unwrap_or(&self.first);
        Attempts::new(claimant, first, turns)
    }

    fn slots(&self) -> impl Iterator<Item = &Slot> {
        std::iter::once(&self.first).chain(&self.others).map(AsRef::as_ref)
    }
}

impl From<Credential> for Credentials {
    fn from(credential: Credential) -> Self {
        Self::new(credential)
    }
}

impl From<ClientSecret> for Credentials {
    fn from(secret: ClientSecret) -> Self {
        Self::new(Credential::Secret(SecretCredential::new(secret)))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(Credential::name)).finish()
    }
}
