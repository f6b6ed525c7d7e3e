//! The credentials of a client, in the order in which they are tried.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use entra_shared::secret::ClientSecret;

use super::fallback::Fallback;
use super::slot::{Expiry, Slot};
use super::{Claimant, Credential, SecretCredential};

/// One credential, or several that are tried in order until the authority accepts one.
///
/// Two allow a rotation without downtime: add the new credential before the old one expires. Clones share the record of
/// refused credentials.
#[derive(Clone)]
pub struct Credentials {
    first: Arc<Slot>,
    others: Vec<Arc<Slot>>,
}

impl Credentials {
    /// Creates a list of one credential.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self { first: Arc::new(Slot::new(credential)), others: Vec::new() }
    }

    /// Adds a credential, which is tried if those before it are refused.
    #[must_use]
    pub fn or(mut self, credential: Credential) -> Self {
        self.others.push(Arc::new(Slot::new(credential)));
        self
    }

    /// The credentials in order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.slots().map(Slot::credential)
    }

    /// The credentials that the authority refused when they were last tried.
    pub fn refused(&self) -> impl Iterator<Item = &Credential> {
        self.slots().filter(|slot| slot.was_refused()).map(Slot::credential)
    }

    /// The expiry of each credential whose expiry is known.
    pub fn expiries(&self) -> impl Iterator<Item = Expiry<'_>> {
        self.slots().filter_map(Slot::expiry)
    }

    /// Rereads the files that have changed. Each token request does so too.
    pub async fn refresh(&self) {
        for slot in self.slots() {
            slot.credential().generation().await;
        }
    }

    /// Logs a warning for each credential that expires within 30 days, at most once a day.
    pub fn warn_of_expiry(&self) {
        self.slots().for_each(Slot::warn_of_expiry);
    }

    /// A number that changes whenever the contents of a credential's file change.
    pub(crate) async fn generation(&self) -> u64 {
        let mut sum = 0;
        for slot in self.slots() {
            sum += slot.credential().generation().await;
        }
        sum
    }

    /// The credentials to try for one token request: those not known to be refused first.
    pub(crate) async fn fallback<'a>(&'a self, claimant: Claimant<'a>) -> Fallback<'a> {
        let (mut queue, mut refused) = (VecDeque::new(), VecDeque::new());
        for slot in self.slots() {
            let queue = if slot.is_refused().await { &mut refused } else { &mut queue };
            queue.push_back(slot);
        }
        self.warn_of_expiry();
        queue.append(&mut refused);
        let first = queue.pop_front().unwrap_or(&self.first);
        Fallback::new(claimant, first, queue)
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

    /// An error for which the credential is at fault.
    fn refused() -> TokenError {
        CredentialProblem::Signing.at("a test").into()
    }

    /// The names of the credentials tried by an authority that refuses the first `refuse` of them.
    async fn tried(credentials: &Credentials, refuse: usize) -> Vec<String> {
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut fallback = credentials.fallback(claimant).await;
        let mut tried = Vec::new();
        loop {
            tried.push(fallback.proof().await.unwrap().credential().to_owned());
            if tried.len() > refuse {
                fallback.accept();
                return tried;
            }
            if fallback.advance(refused()).await.is_err() {
                return tried;
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_credential_is_skipped_for_ten_minutes() {
        let credentials = Credentials::new(secret("one")).or(secret("two")).or(secret("three"));
        assert_eq!(tried(&credentials, 0).await, ["one"]);
        assert_eq!(tried(&credentials, 1).await, ["one", "two"]);
        assert_eq!(tried(&credentials, 0).await, ["two"]);
        tokio::time::advance(Duration::from_secs(599)).await;
        assert_eq!(tried(&credentials, 0).await, ["two"]);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(tried(&credentials, 0).await, ["one"]);
        // Skipped credentials come last, and if all are refused they are all tried again.
        assert_eq!(tried(&credentials, 1).await, ["one", "two"]);
        assert_eq!(tried(&credentials, 9).await, ["two", "three", "one"]);
        assert_eq!(tried(&credentials, 9).await, ["one", "two", "three"]);
        assert_eq!(tried(&credentials, 9).await, ["one", "two", "three"]);
    }

    #[tokio::test]
    async fn an_error_that_is_not_the_credentials_fault_ends_the_fallback() {
        let credentials = Credentials::new(secret("one")).or(secret("two"));
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut fallback = credentials.fallback(claimant).await;
        assert_eq!(fallback.proof().await.unwrap().credential(), "one");
        assert!(matches!(fallback.advance(TokenError::Abandoned).await, Err(TokenError::Abandoned)));
        assert_eq!(tried(&credentials, 0).await, ["one"]);
    }

    #[tokio::test]
    async fn a_file_that_changed_while_its_token_was_refused_is_tried_once_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let write = |path: &Path, text: &str| std::fs::write(path, text).unwrap();
        write(&path, "a.b.one");
        let federated = Credential::Federated(FederatedCredential::open(&path).unwrap());
        let credentials = Credentials::new(federated).or(secret("two"));
        let authority = authority();
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        let mut fallback = credentials.fallback(claimant).await;
        assert_eq!(fallback.proof().await.unwrap().fields()[1].1, "a.b.one");
        write(&path, "a.b.two");
        fallback.advance(refused()).await.unwrap();
        assert_eq!(fallback.proof().await.unwrap().fields()[1].1, "a.b.two");
        write(&path, "a.b.six");
        fallback.advance(refused()).await.unwrap();
        assert_eq!(fallback.proof().await.unwrap().credential(), "two");
    }
}
