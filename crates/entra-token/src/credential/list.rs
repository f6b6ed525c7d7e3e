//! The credentials of one client.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use entra_shared::secret::ClientSecret;

use super::attempts::Attempts;
use super::slot::{Expiry, Slot};
use super::{Claimant, Credential, Look, SecretCredential};

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

    /// Those that the authority refused when they were tried last.
    pub fn refused(&self) -> impl Iterator<Item = &Credential> {
        self.slots().filter(|slot| slot.was_refused()).map(Slot::credential)
    }

    /// When each of them expires, but for those of which that is not known.
    pub fn expiries(&self) -> impl Iterator<Item = Expiry<'_>> {
        self.slots().filter_map(Slot::expiry)
    }

    /// Reads the files that seem to have changed, as each request for a token does: for whoever asks for none.
    pub async fn refresh(&self) {
        for slot in self.slots() {
            slot.credential().generation(Look::Glance).await;
        }
    }

    /// Says in the log which of them expire within 30 days; once a day, however often it is called.
    pub fn warn_of_expiry(&self) {
        self.slots().for_each(Slot::warn_of_expiry);
    }

    /// A number that changes with what the credentials' files hold.
    pub(crate) async fn generation(&self) -> u64 {
        let mut sum = 0;
        for slot in self.slots() {
            sum += slot.credential().generation(Look::Glance).await;
        }
        sum
    }

    /// The credentials to try for one token: first those that are not known to be refused, then the others.
    pub(crate) async fn attempts<'a>(&'a self, claimant: Claimant<'a>) -> Attempts<'a> {
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use entra_shared::azure_ad::{Authority, Instance};
    use entra_shared::ids::{ClientId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::TokenError;
    use crate::credential::{CredentialProblem, FederatedCredential};

    fn secret(text: &str) -> Credential {
        Credential::Secret(SecretCredential::new(ClientSecret::parse(text).unwrap()).named(text))
    }

    fn authority() -> Authority {
        let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
        Authority::new(instance, TenantId::from(Uuid::nil()), None)
    }

    /// An error that is the credential's fault.
    fn refused() -> TokenError {
        CredentialProblem::Signing.of("a test").into()
    }

    /// The names of the credentials that are tried, when the authority refuses all but the last so many.
    async fn tried(credentials: &Credentials, refuse: usize) -> Vec<String> {
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut attempts = credentials.attempts(claimant).await;
        let mut tried = Vec::new();
        loop {
            tried.push(attempts.proof().await.unwrap().credential().to_owned());
            if tried.len() > refuse {
                attempts.succeeded();
                return tried;
            }
            if attempts.failed(refused()).await.is_err() {
                return tried;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_credential_is_passed_over_for_ten_minutes() {
        let credentials = Credentials::new(secret("one")).or(secret("two")).or(secret("three"));
        assert_eq!(tried(&credentials, 0).await, ["one"]);
        assert_eq!(tried(&credentials, 1).await, ["one", "two"]);
        assert_eq!(tried(&credentials, 0).await, ["two"]);
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(tried(&credentials, 0).await, ["two"]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tried(&credentials, 0).await, ["one"]);
        // What was passed over comes last, and all that are refused are tried again rather than none.
        assert_eq!(tried(&credentials, 1).await, ["one", "two"]);
        assert_eq!(tried(&credentials, 9).await, ["two", "three", "one"]);
        assert_eq!(tried(&credentials, 9).await, ["one", "two", "three"]);
        assert_eq!(tried(&credentials, 9).await, ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn what_is_not_the_credentials_fault_ends_the_attempts() {
        let credentials = Credentials::new(secret("one")).or(secret("two"));
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut attempts = credentials.attempts(claimant).await;
        assert_eq!(attempts.proof().await.unwrap().credential(), "one");
        assert!(matches!(attempts.failed(TokenError::Abandoned).await, Err(TokenError::Abandoned)));
        assert_eq!(tried(&credentials, 0).await, ["one"]);
    }

    #[tokio::test]
    async fn a_file_that_was_rewritten_while_its_token_was_refused_has_a_second_turn_and_no_third() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
        write(&path, "a.b.one");
        let federated = Credential::Federated(FederatedCredential::open(&path).unwrap());
        let credentials = Credentials::new(federated).or(secret("two"));
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut attempts = credentials.attempts(claimant).await;
        assert_eq!(attempts.proof().await.unwrap().fields()[1].1, "a.b.one");
        write(&path, "a.b.two");
        attempts.failed(refused()).await.unwrap();
        assert_eq!(attempts.proof().await.unwrap().fields()[1].1, "a.b.two");
        write(&path, "a.b.six");
        attempts.failed(refused()).await.unwrap();
        assert_eq!(attempts.proof().await.unwrap().credential(), "two");
    }
}
