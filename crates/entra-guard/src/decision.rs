//! The decision log: one record for each request to a guarded route.

mod log;
mod shared;

use crate::policy::Denial;

pub use log::Deadline;
pub(crate) use log::{DecisionLog, SharedDecision};
pub(crate) use shared::Decisions;

/// Implemented by an app to be told of each decision, for example to count it in its metrics.
pub trait DecisionObserver: Send + Sync + 'static {
    /// Called when a request was decided, with its reason code and the policy that decided, if any.
    fn decided(&self, reason: &'static str, policy: Option<&'static str>);

    /// Called when a requirement that is only reported would have denied the request.
    fn would_deny(&self, reason: &'static str, policy: &'static str);
}

/// Counts decisions with the [`metrics`] crate: `decisions_total` and `would_deny_total`.
#[cfg(feature = "metrics")]
#[derive(Debug, Clone, Copy, Default)]
pub struct DecisionMetrics;

#[cfg(feature = "metrics")]
impl DecisionObserver for DecisionMetrics {
    fn decided(&self, reason: &'static str, policy: Option<&'static str>) {
        let policy = policy.unwrap_or("none");
        metrics::counter!("decisions_total", "reason" => reason, "policy" => policy).increment(1);
    }

    fn would_deny(&self, reason: &'static str, policy: &'static str) {
        metrics::counter!("would_deny_total", "reason" => reason, "policy" => policy).increment(1);
    }
}

/// The decisions that the policies of one request have made so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Decision {
    /// The policy that denied, or else the first that granted.
    pub(crate) policy: Option<&'static str>,
    /// The reasons of requirements that are only reported, each with its policy.
    pub(crate) would_deny: Vec<(&'static str, &'static str)>,
    /// The last denial.
    pub(crate) denial: Option<Denial>,
}

impl Decision {
    pub(crate) fn granted(&mut self, policy: &'static str, would_deny: &[&'static str]) {
        self.policy.get_or_insert(policy);
        self.tried(policy, would_deny);
    }

    pub(crate) fn tried(&mut self, policy: &'static str, would_deny: &[&'static str]) {
        self.would_deny.extend(would_deny.iter().map(|reason| (policy, *reason)));
    }

    pub(crate) fn denied(&mut self, denial: &Denial) {
        self.policy = Some(denial.policy);
        self.tried(denial.policy, &denial.would_deny);
        self.denial = Some(denial.clone());
    }

    /// Returns why the request was denied; empty if it was granted.
    pub(crate) fn reasons(&self) -> &[&'static str] {
        self.denial.as_ref().map(|denial| denial.reasons.as_slice()).unwrap_or_default()
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.policy.is_some() && self.denial.is_none()
    }
}
