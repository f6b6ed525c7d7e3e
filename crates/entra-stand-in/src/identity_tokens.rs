//! The tokens of managed identities, which Azure keeps for about a day and hands out again.
//!
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/managed-identity-best-practice-recommendations>

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use entra_shared::claims::Claims;
use entra_shared::ids::ClientId;
use jiff::Timestamp;

use crate::journal::Reason;

/// The remaining lifetime, in seconds, below which a token is not handed out again.
const LEAST_LIFE: i64 = 300;

/// A token as it was issued.
#[derive(Clone)]
pub(crate) struct IdentityToken {
    pub(crate) claims: Claims,
    pub(crate) token: String,
    pub(crate) reason: Reason,
}

/// One token for each identity and resource, even if other roles have been granted since. `Debug` hides them.
#[derive(Default)]
pub(crate) struct IdentityTokens(Mutex<HashMap<(ClientId, String), IdentityToken>>);

impl IdentityTokens {
    /// Returns the kept token of an identity for a resource.
    pub(crate) fn find(&self, identity: ClientId, resource: &str, now: Timestamp) -> Option<IdentityToken> {
        let kept = self.kept().get(&(identity, resource.to_owned())).cloned();
        kept.filter(|kept| kept.claims.exp - now.as_second() > LEAST_LIFE)
    }

    pub(crate) fn keep(&self, identity: ClientId, resource: &str, token: IdentityToken) {
        self.kept().insert((identity, resource.to_owned()), token);
    }

    /// Forgets all tokens, as if a day had passed.
    pub(crate) fn forget(&self) {
        self.kept().clear();
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<(ClientId, String), IdentityToken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for IdentityTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityTokens").field("count", &self.kept().len()).finish()
    }
}
