//! A token looked at part by part, so that its first fault does not hide the others.

use super::compact::Compact;
use super::header::Header;
use super::payload::{self, Payload};
use super::{TokenFault, UnverifiedToken};
use crate::authentication::check::{Check, pass_all};
use crate::authentication::claims::Claims;

/// What there is to say about the form of a token. Made of the parts that [`UnverifiedToken::parse`] is made of.
#[derive(Debug, Default)]
pub(in crate::authentication) struct Examination<'t> {
    pub(in crate::authentication) checks: Vec<Check>,
    /// The claims, where they can be read; nobody knows who wrote them.
    pub(in crate::authentication) claims: Option<Claims>,
    /// Why the claims cannot be read.
    pub(in crate::authentication) problem: Option<String>,
    /// The token, if every check was passed.
    pub(in crate::authentication) token: Option<UnverifiedToken<'t>>,
}

impl<'t> Examination<'t> {
    pub(in crate::authentication) fn of(token: &'t str) -> Self {
        let mut examination = Self::default();
        if let Some(compact) = examination.note(Compact::split(token)) {
            examination.look_into(compact);
        }
        examination
    }

    fn look_into(&mut self, compact: Compact<'t>) {
        let header = self.note(Header::read(&compact.header));
        let payload = self.note(Payload::read(&compact.payload));
        self.checks.push((TokenFault::TooLarge, true));
        if !self.checks.contains(&(TokenFault::Malformed, false)) {
            self.checks.push((TokenFault::Malformed, true));
        }
        self.checks.extend(header.iter().flat_map(Header::checks));
        self.checks.extend(payload.iter().flat_map(Payload::checks));
        self.claims = payload.as_ref().map(|payload| payload.claims.clone());
        match (header, payload) {
            (Some(header), Some(payload)) => {
                self.checks.push((TokenFault::Claims, true));
                let passed = pass_all(self.checks.iter().copied()).is_ok();
                self.token = UnverifiedToken::assemble(compact, header, payload).ok().filter(|_| passed);
            }
            _ => self.problem = payload::problem(&compact.payload),
        }
    }

    /// What could be read; what kept it from being read is a failed check.
    fn note<T>(&mut self, read: Result<T, TokenFault>) -> Option<T> {
        read.map_err(|fault| self.checks.push((fault, false))).ok()
    }
}
