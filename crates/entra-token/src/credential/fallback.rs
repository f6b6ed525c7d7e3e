//! Falls back from a refused credential to the next one.

use std::collections::VecDeque;

use super::slot::Slot;
use super::{Claimant, CredentialError, Proof};
use crate::TokenError;

/// The credential in use for one token request, and those to try after it.
pub(crate) struct Fallback<'a> {
    claimant: Claimant<'a>,
    current: &'a Slot,
    next: VecDeque<&'a Slot>,
    /// The generation of the credential's file that the last proof was made from.
    generation: Option<u64>,
    has_retried_file: bool,
    first_error: Option<TokenError>,
}

impl<'a> Fallback<'a> {
    pub(super) fn new(claimant: Claimant<'a>, current: &'a Slot, next: VecDeque<&'a Slot>) -> Self {
        Self { claimant, current, next, generation: None, has_retried_file: false, first_error: None }
    }

    /// Creates a proof from the current credential.
    pub(crate) async fn proof(&mut self) -> Result<Proof, CredentialError> {
        self.generation = None;
        let proof = self.current.credential().proof(self.claimant).await?;
        self.generation = Some(proof.generation());
        Ok(proof)
    }

    /// Records that the authority accepted the last proof.
    pub(crate) fn accept(&self) {
        self.current.accept();
    }

    /// Moves on to the next credential if the current one is at fault. A file that changed meanwhile is tried again first.
    ///
    /// # Errors
    /// The error to report: this one if the credential is not at fault, or the first one if no credential is left.
    pub(crate) async fn advance(&mut self, error: TokenError) -> Result<(), TokenError> {
        if !matches!(error, TokenError::Credential(_)) {
            return Err(error);
        }
        let generation = self.current.credential().generation().await;
        let is_rewritten = self.generation.is_some_and(|used| used != generation);
        if is_rewritten && !std::mem::replace(&mut self.has_retried_file, true) {
            return Ok(());
        }
        let next = self.next.pop_front();
        self.current.refuse(generation, &error, next.map(Slot::credential));
        let is_last_of_several = next.is_none() && self.first_error.is_some();
        if is_last_of_several {
            let credential = self.current.credential().name();
            tracing::warn!(credential, %error, "the last credential was refused too");
        }
        let first_error = self.first_error.take().unwrap_or(error);
        let Some(next) = next else { return Err(first_error) };
        self.first_error = Some(first_error);
        (self.current, self.has_retried_file) = (next, false);
        Ok(())
    }
}
