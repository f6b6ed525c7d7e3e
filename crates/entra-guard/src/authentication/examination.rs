//! Runs all checks of a token for an explanation. The validator itself stops at the first check that fails.

use std::sync::Arc;

use super::check::Check;
use super::claims::Claims;
use super::error::{AuthenticationError, TokenFault};
use super::keys::KeyError;
use super::token::{Syntax, UnverifiedToken};
use super::{Authenticator, Caller, Expectations, caller};

/// The results of a token's checks, and the claims that could be read. It never contains the token itself.
#[derive(Debug)]
pub(crate) struct Examination<'a> {
    /// The outcome of a request with the token.
    pub(crate) verdict: Result<Arc<Caller>, AuthenticationError>,
    /// The checks that could run. Several of them may report the same fault.
    pub(crate) checks: Vec<Check>,
    /// The claims, if they can be read.
    pub(crate) claims: Option<Claims>,
    /// Why the claims cannot be read.
    pub(crate) problem: Option<String>,
    pub(crate) expectations: &'a Expectations,
    /// When the token was examined, in seconds since 1970.
    pub(crate) now: i64,
}

impl Authenticator {
    /// Examines a token at `now`. The verdict and the checks are those of the validator.
    pub(crate) async fn examine(&self, token: &str, now: i64) -> Examination<'_> {
        let verdict = self.verify(token, now).await.map(|(caller, _)| Arc::new(caller));
        let mut syntax = Syntax::examine(token);
        let mut checks = syntax.checks.clone();
        let (claims, problem) = (syntax.claims.clone(), syntax.problem.take());
        if let Some(claims) = &claims {
            checks.extend(self.expectations().checks(claims, now));
            checks.extend(caller::checks(claims));
        }
        if let Ok(token) = syntax.into_token() {
            checks.extend(self.key_checks(token).await);
        }
        Examination { verdict, checks, claims, problem, expectations: self.expectations(), now }
    }

    async fn key_checks(&self, token: UnverifiedToken<'_>) -> Vec<Check> {
        match self.keys().find(token.key_id()).await {
            Err(KeyError::Unknown) => vec![(TokenFault::KeyUnknown, false)],
            Err(KeyError::Unavailable) => Vec::new(),
            Ok(key) => vec![
                (TokenFault::KeyUnknown, true),
                (TokenFault::KeyIssuer, self.may_sign(&key, token.unverified_claims())),
                (TokenFault::Signature, token.verify(&key).is_ok()),
            ],
        }
    }
}
