//! The credentials of a client, in the order in which they are tried.

use std::fmt;
use std::sync::Arc;

use entra_shared::secret::ClientSecret;

use super::slot::{Expiry, Slot};
use super::{Credential, SecretCredential};
use crate::TokenError;

/// One credential, or several that are tried in order until the authority accepts one.
///
/// Two allow a rotation without downtime: add the new credential before the old one expires. Clones share the record of
/// refused credentials.
#[derive(Clone)]
pub struct Credentials(Vec<Arc<Slot>>);

impl Credentials {
    /// Creates a list of one credential.
    #[must_use]
    pub fn new(credential: Credential) -> Self {
        Self(vec![Arc::new(Slot::new(credential))])
    }

    /// Adds a credential, which is tried if those before it are refused.
    #[must_use]
    pub fn or(mut self, credential: Credential) -> Self {
        self.0.push(Arc::new(Slot::new(credential)));
        self
    }

    /// The credentials in order.
    pub fn iter(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter().map(|slot| &slot.credential)
    }

    /// Returns the credentials that the authority refused when they were last tried.
    pub fn refused(&self) -> impl Iterator<Item = &Credential> {
        self.0.iter().filter(|slot| slot.was_refused()).map(|slot| &slot.credential)
    }

    /// Returns the expiry of each credential whose expiry is known.
    pub fn expiries(&self) -> impl Iterator<Item = Expiry<'_>> {
        self.0.iter().filter_map(|slot| slot.expiry())
    }

    /// Rereads the files that have changed. Each token request does so too.
    pub async fn refresh(&self) {
        self.generation().await;
    }

    /// Logs a warning for each credential that expires within 30 days, at most once a day.
    pub fn warn_of_expiry(&self) {
        self.0.iter().for_each(|slot| slot.warn_of_expiry());
    }

    /// Returns a number that changes whenever the contents of a credential's file change.
    pub(crate) async fn generation(&self) -> u64 {
        let mut sum = 0;
        for slot in &self.0 {
            sum += slot.credential.generation().await;
        }
        sum
    }

    /// Sends a request with one credential after another until the authority accepts one.
    ///
    /// A credential whose file changed meanwhile is tried once more.
    ///
    /// # Errors
    /// The first refusal if every credential is refused. Any other error at once.
    pub(crate) async fn try_in_order<'a, T, F>(
        &'a self,
        mut send: impl FnMut(&'a Credential) -> F,
    ) -> Result<T, TokenError>
    where
        F: Future<Output = Result<T, TokenError>>,
    {
        let mut slots = self.in_order().await.into_iter().peekable();
        let mut first_error = None;
        while let Some((slot, generation)) = slots.next() {
            let mut outcome = send(&slot.credential).await;
            if matches!(outcome, Err(TokenError::Credential(_)))
                && slot.credential.generation().await != generation
            {
                outcome = send(&slot.credential).await;
            }
            let error = match outcome {
                Ok(token) => {
                    slot.accept();
                    return Ok(token);
                }
                Err(error @ TokenError::Credential(_)) => error,
                Err(error) => return Err(error),
            };
            let next = slots.peek().map(|(next, _)| &next.credential);
            slot.refuse(&error, next).await;
            if next.is_none() && first_error.is_some() {
                let credential = slot.credential.name();
                tracing::warn!(credential, %error, "the last credential was refused too");
            }
            first_error.get_or_insert(error);
        }
        Err(first_error.unwrap_or(TokenError::Abandoned))
    }

    /// Returns the credentials not known to be refused, then the others, each with the generation of its file.
    async fn in_order(&self) -> Vec<(&Slot, u64)> {
        let (mut slots, mut refused) = (Vec::new(), Vec::new());
        for slot in &self.0 {
            let generation = slot.credential.generation().await;
            let slots = if slot.is_refused(generation) { &mut refused } else { &mut slots };
            slots.push((slot.as_ref(), generation));
        }
        self.warn_of_expiry();
        slots.append(&mut refused);
        slots
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
    use std::cell::RefCell;
    use std::future::ready;
    use std::path::Path;
    use std::time::Duration;

    use entra_shared::azure_ad::{Authority, Instance};
    use entra_shared::ids::{ClientId, TenantId};
    use uuid::Uuid;

    use super::*;
    use crate::credential::{Claimant, CredentialProblem, FederatedCredential, Proof};

    fn secret(text: &str) -> Credential {
        Credential::Secret(SecretCredential::new(ClientSecret::parse(text).unwrap()).named(text))
    }

    async fn proof(credential: &Credential) -> Proof {
        let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
        let authority = Authority::new(instance, TenantId::from(Uuid::nil()), None);
        let claimant = Claimant { client_id: ClientId::from(Uuid::nil()), authority: &authority };
        credential.proof(claimant).await.unwrap()
    }

    /// Returns an error that blames the credential.
    fn refused() -> TokenError {
        CredentialProblem::Signing.at("a test").into()
    }

    /// Returns the names of the credentials that are tried if the authority refuses the first `refuse` of them.
    async fn tried(credentials: &Credentials, refuse: usize) -> Vec<String> {
        let mut tried = Vec::new();
        let send = |credential: &Credential| {
            tried.push(credential.name().to_owned());
            ready(if tried.len() > refuse { Ok(()) } else { Err(refused()) })
        };
        let _ = credentials.try_in_order(send).await;
        tried
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
        let mut names = Vec::new();
        let send = |credential: &Credential| {
            names.push(credential.name().to_owned());
            ready(Err::<(), _>(TokenError::Abandoned))
        };
        assert!(matches!(credentials.try_in_order(send).await, Err(TokenError::Abandoned)));
        assert_eq!(names, ["one"]);
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
        let proofs = RefCell::new(Vec::new());
        let send = async |credential: &Credential| {
            let proof = proof(credential).await.fields().pop().unwrap().1;
            proofs.borrow_mut().push(proof);
            write(&path, &format!("a.b.{}", proofs.borrow().len()));
            Err::<(), _>(refused())
        };
        credentials.try_in_order(send).await.unwrap_err();
        assert_eq!(proofs.take(), ["a.b.one", "a.b.1", "two"]);
    }
}
