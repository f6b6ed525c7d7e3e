//! The credentials tried for one token, one after another.

use std::collections::VecDeque;

use super::slot::Slot;
use super::{Claimant, CredentialError, Look, Proof};
use crate::token::TokenError;

/// Whose turn it is to prove who the client is, and who is next.
pub(in crate::token) struct Attempts<'a> {
    claimant: Claimant<'a>,
    turn: &'a Slot,
    next: VecDeque<&'a Slot>,
    /// What the credential's file held when the last proof was made.
    generation: Option<u64>,
    has_second_turn: bool,
    first_error: Option<TokenError>,
}

impl<'a> Attempts<'a> {
    pub(super) fn new(claimant: Claimant<'a>, turn: &'a Slot, next: VecDeque<&'a Slot>) -> Self {
        Self { claimant, turn, next, generation: None, has_second_turn: false, first_error: None }
    }

    /// A proof of the credential whose turn it is.
    pub(in crate::token) async fn proof(&mut self) -> Result<Proof, CredentialError> {
        self.generation = None;
        let proof = self.turn.credential().proof(self.claimant).await?;
        self.generation = Some(proof.generation());
        Ok(proof)
    }

    /// The authority took the last proof.
    pub(in crate::token) fn succeeded(&self) {
        self.turn.accept();
    }

    /// Passes the turn on where the error is the credential's fault; gives it back, to end with, where it is not.
    ///
    /// A file that was rewritten in the meantime gets a second turn first. When no credential is left, the first
    /// one's error is the one to end with.
    pub(in crate::token) async fn failed(&mut self, error: TokenError) -> Result<(), TokenError> {
        if !blames_credential(&error) {
            return Err(error);
        }
        let generation = self.turn.credential().generation(Look::Read).await;
        let is_rewritten = self.generation.is_some_and(|used| used != generation);
        if is_rewritten && !std::mem::replace(&mut self.has_second_turn, true) {
            return Ok(());
        }
        let next = self.next.pop_front();
        self.turn.refuse(generation, &error, next.map(Slot::credential));
        let is_last_of_several = next.is_none() && self.first_error.is_some();
        if is_last_of_several {
            let credential = self.turn.credential().name();
            tracing::warn!(credential, %error, "the last credential is refused as well");
        }
        let first_error = self.first_error.take().unwrap_or(error);
        let Some(next) = next else { return Err(first_error) };
        self.first_error = Some(first_error);
        (self.turn, self.has_second_turn) = (next, false);
        Ok(())
    }
}

/// Whether another credential could fare better.
///
/// By the OAuth error code, which says that the client could not be authenticated (RFC 6749 section 5.2). Entra uses
/// it for two faults of the registration as well, which every credential shares.
fn blames_credential(error: &TokenError) -> bool {
    /// A public client, which may present no credential; a client without a service principal in the tenant.
    const REGISTRATION: [u32; 2] = [700025, 7000229];
    match error {
        TokenError::Credential(_) => true,
        TokenError::Refused(refusal) => {
            refusal.error == "invalid_client"
                && refusal.aadsts.is_none_or(|code| !REGISTRATION.contains(&code))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use http::StatusCode;
    use shared::azure_ad::{Authority, Instance};
    use shared::ids::{ClientId, TenantId};
    use shared::secret::ClientSecret;
    use uuid::Uuid;

    use super::*;
    use crate::token::Refusal;
    use crate::token::credential::{Credential, Credentials, FederatedCredential, SecretCredential};

    fn secret(text: &str) -> Credential {
        Credential::Secret(SecretCredential::new(ClientSecret::parse(text).unwrap()).named(text))
    }

    fn authority() -> Authority {
        let instance = Instance::parse("https://login.microsoftonline.com").unwrap();
        Authority::new(instance, TenantId::from(Uuid::nil()), None)
    }

    fn refused(error: &str, aadsts: u32) -> TokenError {
        TokenError::Refused(Refusal {
            status: StatusCode::UNAUTHORIZED,
            error: error.to_owned(),
            aadsts: Some(aadsts),
            description: String::new(),
            correlation_id: Uuid::nil(),
            trace_id: None,
        })
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
            if attempts.failed(refused("invalid_client", 7000222)).await.is_err() {
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
        for error in [
            refused("unauthorized_client", 700016),
            refused("invalid_client", 700025),
            refused("invalid_scope", 1002012),
            TokenError::Throttled { retry_after: None, correlation_id: Uuid::nil() },
        ] {
            let mut attempts = credentials.attempts(claimant).await;
            assert_eq!(attempts.proof().await.unwrap().credential(), "one");
            let told = error.to_string();
            assert_eq!(attempts.failed(error).await.unwrap_err().to_string(), told);
        }
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
        attempts.failed(refused("invalid_client", 700024)).await.unwrap();
        assert_eq!(attempts.proof().await.unwrap().fields()[1].1, "a.b.two");
        write(&path, "a.b.six");
        attempts.failed(refused("invalid_client", 700024)).await.unwrap();
        assert_eq!(attempts.proof().await.unwrap().credential(), "two");
    }
}
