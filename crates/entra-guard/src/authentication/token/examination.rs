//! Examines a token part by part, so that its first fault does not hide the others.

use super::compact::Compact;
use super::header::Header;
use super::payload::{self, Payload};
use super::{TokenFault, UnverifiedToken};
use crate::authentication::check::{Check, pass_all};
use crate::authentication::claims::Claims;

/// The result of examining the syntax of a token with the same steps as [`UnverifiedToken::parse`].
#[derive(Debug, Default)]
pub(in crate::authentication) struct Examination<'t> {
    pub(in crate::authentication) checks: Vec<Check>,
    /// The claims, if they can be read; anyone may have written them.
    pub(in crate::authentication) claims: Option<Claims>,
    /// Why the claims cannot be read.
    pub(in crate::authentication) problem: Option<String>,
    /// The token, if every check was passed.
    pub(in crate::authentication) token: Option<UnverifiedToken<'t>>,
}

impl<'t> Examination<'t> {
    pub(in crate::authentication) fn examine(token: &'t str) -> Self {
        let mut examination = Self::default();
        let compact = examination.note(Compact::split(token));
        if !examination.has_failed(TokenFault::TooLarge) {
            examination.checks.push((TokenFault::TooLarge, true));
        }
        if let Some(compact) = compact {
            examination.examine_segments(compact);
        }
        examination
    }

    fn examine_segments(&mut self, Compact { message, header, payload, signature }: Compact<'t>) {
        // Each segment on its own, so that one that was cut while copying does not hide the others.
        let header = self.note(header.decode().and_then(|json| Header::read(&json)));
        let json = self.note(payload.decode());
        let payload = json.as_deref().and_then(|json| self.note(Payload::read(json)));
        let signature = self.note(signature.canonical());
        if !self.has_failed(TokenFault::Malformed) {
            self.checks.push((TokenFault::Malformed, true));
        }
        self.checks.extend(header.iter().flat_map(Header::checks));
        self.checks.extend(payload.iter().flat_map(Payload::checks));
        self.claims = payload.as_ref().map(|payload| payload.claims.clone());
        if payload.is_some() {
            self.checks.push((TokenFault::Claims, true));
        } else {
            self.problem = json.as_deref().and_then(payload::problem);
        }
        if let (Some(header), Some(payload), Some(signature)) = (header, payload, signature) {
            let passed = pass_all(self.checks.iter().copied()).is_ok();
            let token = UnverifiedToken::assemble(message, header, payload, signature);
            self.token = token.ok().filter(|_| passed);
        }
    }

    fn has_failed(&self, fault: TokenFault) -> bool {
        self.checks.contains(&(fault, false))
    }

    /// Returns what was read, or records the fault as a failed check.
    fn note<T>(&mut self, read: Result<T, TokenFault>) -> Option<T> {
        read.map_err(|fault| self.checks.push((fault, false))).ok()
    }
}
