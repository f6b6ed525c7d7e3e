//! Who a request comes from, and what its policies have said so far.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::principal::Principal;
use entra_guard::authorization::Denial;

/// What [`super::guard`] attaches to a request: its principal, and where policies leave what they decide.
#[derive(Debug, Clone)]
pub(crate) struct Identified {
    principal: Principal,
    verdict: Arc<Mutex<Verdict>>,
}

/// What the policies of one request have said.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict {
    /// The policy that denied, or else the first that granted.
    pub(super) policy: Option<&'static str>,
    /// Why it was denied; empty where it was granted.
    pub(super) reasons: Vec<&'static str>,
    /// What is only reported, each with its policy.
    pub(super) would_deny: Vec<(&'static str, &'static str)>,
}

impl Identified {
    pub(super) fn new(principal: Principal) -> Self {
        Self { principal, verdict: Arc::default() }
    }

    /// Who the request comes from.
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// A policy said yes.
    pub(super) fn granted(&self, policy: &'static str, would_deny: &[&'static str]) {
        let mut verdict = self.verdict();
        verdict.policy.get_or_insert(policy);
        verdict.would_deny.extend(would_deny.iter().map(|reason| (policy, *reason)));
    }

    /// A policy that is only tried was evaluated.
    pub(super) fn tried(&self, policy: &'static str, would_deny: &[&'static str]) {
        self.verdict().would_deny.extend(would_deny.iter().map(|reason| (policy, *reason)));
    }

    /// A policy said no.
    pub(super) fn denied(&self, denial: &Denial) {
        let mut verdict = self.verdict();
        verdict.policy = Some(denial.policy);
        verdict.reasons.clone_from(&denial.reasons);
        verdict.would_deny.extend(denial.would_deny.iter().map(|reason| (denial.policy, *reason)));
    }

    /// What they have said so far.
    pub(super) fn verdict(&self) -> MutexGuard<'_, Verdict> {
        // Nothing that holds the lock can leave it half changed.
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
