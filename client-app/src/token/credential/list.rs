//! The credentials of one client, and which of them the authority no longer takes.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use shared::secret::ClientSecret;
use tokio::time::Instant;

use super::{Claimant, Credential, CredentialError, Look, Proof, SecretCredential};
use crate::token::TokenError;

/// How long a refused credential is passed over while another one works.
///
/// Long enough to cost nothing, short enough that one which was refused for a passing reason comes back: Entra
/// refuses a new secret until it has spread.
const PASSED_OVER: Duration = Duration::from_mins(10);

/// What a client proves itself with: one credential, or several that are tried in turn.
///
/// Two make a rotation without a gap: the next one is there before the last one expires. Clones share what was learnt
/// about which one is refused.
#[derive(Clone)]
pub struct Credentials {
    first: Arc<Slot>,
    others: Vec<Arc<Slot>>,
}

struct Slot {
    credential: Credential,
    refused: Mutex<Option<Refused>>,
}

/// When a credential was refused, and what its file held then.
#[derive(Clone, Copy)]
struct Refused {
    at: Instant,
    generation: u64,
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
        self.slots().map(|slot| &slot.credential)
    }

    /// The credentials to try for one token: those that are not known to be refused, or else all.
    pub(in crate::token) async fn attempts<'a>(&'a self, claimant: Claimant<'a>) -> Attempts<'a> {
        let mut next = VecDeque::new();
        for slot in self.slots() {
            if !slot.is_refused().await {
                next.push_back(slot);
            }
        }
        if next.is_empty() {
            next.extend(self.slots());
        }
        let turn = next.pop_front().unwrap_or(&self.first);
        Attempts { claimant, turn, next, generation: None, has_reread: false, first_error: None }
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

/// The credentials tried for one token, one after another.
pub(in crate::token) struct Attempts<'a> {
    claimant: Claimant<'a>,
    /// Whose turn it is.
    turn: &'a Slot,
    next: VecDeque<&'a Slot>,
    /// What the file held of which the last proof was made.
    generation: Option<u64>,
    has_reread: bool,
    first_error: Option<TokenError>,
}

impl Attempts<'_> {
    /// A proof of the credential whose turn it is.
    pub(in crate::token) async fn proof(&mut self) -> Result<Proof, CredentialError> {
        self.generation = None;
        let proof = self.turn.credential.proof(self.claimant).await?;
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
        let used = self.generation;
        let generation = self.turn.credential.generation(Look::Read).await;
        if used.is_some_and(|used| used != generation) && !std::mem::replace(&mut self.has_reread, true) {
            return Ok(());
        }
        let next = self.next.pop_front();
        self.turn.refuse(generation, &error, next.map(|slot| &slot.credential));
        let first_error = self.first_error.take().unwrap_or(error);
        let Some(next) = next else { return Err(first_error) };
        self.first_error = Some(first_error);
        (self.turn, self.has_reread) = (next, false);
        Ok(())
    }
}

impl Slot {
    fn new(credential: Credential) -> Self {
        Self { credential, refused: Mutex::new(None) }
    }

    /// Whether it was refused lately, and its file still holds what was refused.
    async fn is_refused(&self) -> bool {
        let refused = *self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.filter(|refused| refused.at.elapsed() < PASSED_OVER) {
            Some(refused) => self.credential.generation(Look::Glance).await == refused.generation,
            None => false,
        }
    }

    /// Remembers that it is refused. Where another one takes over, nobody else says so.
    fn refuse(&self, generation: u64, error: &TokenError, next: Option<&Credential>) {
        let refused = Some(Refused { at: Instant::now(), generation });
        *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
        if let Some(next) = next {
            tracing::warn!(
                credential = self.credential.name(),
                next = next.name(),
                %error,
                "a credential is refused, and the next one takes its place; renew it or remove it"
            );
        }
    }

    fn accept(&self) {
        if self.refused.lock().unwrap_or_else(PoisonError::into_inner).take().is_some() {
            tracing::info!(
                credential = self.credential.name(),
                "a credential that was refused is taken again"
            );
        }
    }
}

/// Whether another credential could fare better.
///
/// By the OAuth error code, which says that the client could not be authenticated (RFC 6749 section 5.2). Of Entra's
/// own codes only those are looked at that blame the registration, and not the credential, in the same words.
fn blames_credential(error: &TokenError) -> bool {
    /// A public client, which may present no credential; a client that this tenant does not know.
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
