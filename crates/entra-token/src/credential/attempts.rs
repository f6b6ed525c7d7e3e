//! The credentials tried for one token, one after another.

use std::collections::VecDeque;

use super::slot::Slot;
use super::{Claimant, CredentialError, Look, Proof};
use crate::TokenError;

/// Whose turn it is to prove who the client is, and who is next.
pub(crate) struct Attempts<'a> {
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
    pub(crate) async fn proof(&mut self) -> Result<Proof, CredentialError> {
        self.generation = None;
        let proof = self.turn.credential().proof(self.claimant).await?;
        self.generation = Some(proof.generation());
        Ok(proof)
    }

    /// The authority took the last proof.
    pub(crate) fn succeeded(&self) {
        self.turn.accept();
    }

    /// Passes the turn on where the error is the credential's fault; gives it back, to end with, where it is not.
    ///
    /// A file that was rewritten in the meantime gets a second turn first. When no credential is left, the first
    /// one's error is the one to end with.
    pub(crate) async fn failed(&mut self, error: TokenError) -> Result<(), TokenError> {
        if !matches!(error, TokenError::Credential(_)) {
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
