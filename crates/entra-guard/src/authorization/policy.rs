//! A policy, and what evaluating one gives.

use std::marker::PhantomData;
use std::sync::Arc;

use entra_shared::ids::TenantId;
use uuid::Uuid;

use super::requirement::{Handler, Requirement};
use super::{Role, Subject, Target};

/// A policy's type: handlers name it in their signature.
pub trait NamedPolicy: Send + Sync + 'static {
    /// The name in logs and in the API's description.
    const NAME: &'static str;

    /// What must all be met.
    fn requirements() -> Vec<Requirement>;
}

/// The type of a policy about one resource: it is evaluated when the resource has been found.
pub trait ResourcePolicy: NamedPolicy {
    /// The policy that the caller must pass before any resource is looked for.
    type Caller: NamedPolicy;
}

/// Requirements that must all be met.
#[derive(Debug, Clone)]
pub struct Policy {
    name: &'static str,
    requirements: Vec<Requirement>,
}

/// Whoever wrote a policy: it cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A policy without requirements, or with none that is enforced, would let everybody pass.
    #[error("the policy {0} has no requirement that is enforced")]
    Empty(&'static str),
    /// Two policies of one name could not be told apart in a log.
    #[error("two policies have the name {0}")]
    SameName(&'static str),
}

/// A policy's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The policy.
    pub policy: &'static str,
    /// A stable word for each requirement that was not met, in the policy's order; never empty.
    pub reasons: Vec<&'static str>,
    /// The same for the requirements that are only reported; mostly empty.
    pub would_deny: Vec<&'static str>,
    /// The roles that the policy asks for, whether the caller has them or not.
    pub roles: Vec<Role>,
}

/// A policy's yes: only evaluating `P` makes one.
#[derive(Debug)]
pub struct Proof<P> {
    would_deny: Vec<&'static str>,
    policy: PhantomData<fn() -> P>,
}

/// A policy's yes about one resource: only evaluating `P` on that resource makes one.
#[derive(Debug)]
pub struct Permit<P> {
    target: Target,
    proof: Proof<P>,
}

impl Policy {
    /// A policy of these requirements.
    ///
    /// # Errors
    /// There is none that is enforced.
    pub fn new(name: &'static str, requirements: Vec<Requirement>) -> Result<Self, PolicyError> {
        if requirements.iter().any(Requirement::is_enforced) {
            Ok(Self { name, requirements })
        } else {
            Err(PolicyError::Empty(name))
        }
    }

    /// The policy of a type.
    ///
    /// # Errors
    /// It has no requirement that is enforced.
    pub fn of<P: NamedPolicy>() -> Result<Self, PolicyError> {
        Self::new(P::NAME, P::requirements())
    }

    /// The name in logs and in the API's description.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The roles it asks for.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.requirements.iter().filter_map(Requirement::required_role).collect()
    }

    /// What must all be met.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.requirements
    }

    /// Evaluates the policy; what requirements that are only reported would deny for is in the answer.
    ///
    /// # Errors
    /// A requirement is not met, or a handler vetoed.
    pub fn decide(
        &self,
        subject: &Subject<'_>,
        target: Option<&Target>,
    ) -> Result<Vec<&'static str>, Denial> {
        // All of them, so that a log tells everything that is missing at once.
        let (mut reasons, mut would_deny) = (Vec::new(), Vec::new());
        for requirement in &self.requirements {
            if let Some(reason) = requirement.unmet(subject, target) {
                if requirement.is_enforced() { reasons.push(reason) } else { would_deny.push(reason) }
            }
        }
        if reasons.is_empty() {
            return Ok(would_deny);
        }
        Err(Denial { policy: self.name, reasons, would_deny, roles: self.roles() })
    }

    /// Demands something more.
    #[must_use]
    pub(super) fn and(mut self, requirement: Requirement) -> Self {
        self.requirements.push(requirement);
        self
    }

    /// Lets a handler meet every requirement.
    pub(super) fn or(self, handler: &Arc<dyn Handler>) -> Self {
        let requirements =
            self.requirements.into_iter().map(|requirement| requirement.or(Arc::clone(handler)));
        Self { requirements: requirements.collect(), ..self }
    }
}

impl Denial {
    /// The word for a denial that has to be one word: its first reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reasons.first().copied().unwrap_or("denied")
    }
}

impl<P> Proof<P> {
    pub(super) fn new(would_deny: Vec<&'static str>) -> Self {
        Self { would_deny, policy: PhantomData }
    }

    /// A stable word for each requirement that is only reported and was not met; mostly empty.
    #[must_use]
    pub fn would_deny(&self) -> &[&'static str] {
        &self.would_deny
    }
}

impl<P> Permit<P> {
    pub(super) fn new(target: &Target, proof: Proof<P>) -> Self {
        Self { target: *target, proof }
    }

    /// The resource that it is about.
    #[must_use]
    pub fn resource(&self) -> Uuid {
        self.target.id
    }

    /// The tenant that the resource belongs to.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.target.tenant
    }

    /// What [`Proof::would_deny`] says.
    #[must_use]
    pub fn would_deny(&self) -> &[&'static str] {
        self.proof.would_deny()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::Outcome;

    #[derive(Debug)]
    struct Says(Outcome);

    impl Handler for Says {
        fn handle(&self, _: &Subject<'_>, _: Option<&Target>) -> Outcome {
            self.0
        }
    }

    fn requirement(outcomes: &[Outcome]) -> Requirement {
        let (first, rest) = outcomes.split_first().unwrap();
        let requirement = Requirement::new("test", "not_met", Says(*first));
        rest.iter().fold(requirement, |it, outcome| it.or(Arc::new(Says(*outcome))))
    }

    fn decide(requirements: &[&[Outcome]]) -> Result<(), Vec<&'static str>> {
        let requirements = requirements.iter().map(|outcomes| requirement(outcomes)).collect();
        let policy = Policy::new("test", requirements).unwrap();
        policy.decide(&Subject::app(&[]), None).map(|_| ()).map_err(|denial| denial.reasons)
    }

    #[test]
    fn any_handler_meets_a_requirement_and_a_policy_needs_all_of_them() {
        use Outcome::{Met, NotMet};
        assert_eq!(decide(&[&[Met]]), Ok(()));
        assert_eq!(decide(&[&[NotMet, Met], &[Met, NotMet]]), Ok(()));
        assert_eq!(decide(&[&[NotMet, NotMet]]), Err(vec!["not_met"]));
        assert_eq!(decide(&[&[Met], &[NotMet]]), Err(vec!["not_met"]));
        assert_eq!(decide(&[&[NotMet], &[NotMet]]), Err(vec!["not_met", "not_met"]));
    }

    #[test]
    fn a_veto_outweighs_every_other_handler() {
        use Outcome::{Met, Veto};
        assert_eq!(decide(&[&[Met, Veto]]), Err(vec!["vetoed"]));
        assert_eq!(decide(&[&[Veto, Met, Met]]), Err(vec!["vetoed"]));
        assert_eq!(decide(&[&[Met], &[Veto, Met]]), Err(vec!["vetoed"]));
    }

    #[test]
    fn a_requirement_that_is_only_reported_denies_nothing_and_says_what_it_would() {
        use Outcome::{Met, NotMet, Veto};
        let tried = requirement(&[NotMet]).report_only();
        let vetoing = requirement(&[Met, Veto]).report_only();
        let policy = |first| Policy::new("test", vec![requirement(&[first]), tried.clone(), vetoing.clone()]);
        let granted = policy(Met).unwrap().decide(&Subject::app(&[]), None).unwrap();
        assert_eq!(granted, ["not_met", "vetoed"]);
        let denial = policy(NotMet).unwrap().decide(&Subject::app(&[]), None).unwrap_err();
        assert_eq!((denial.reasons, denial.would_deny), (vec!["not_met"], vec!["not_met", "vetoed"]));
    }

    #[test]
    fn a_policy_without_requirements_that_are_enforced_cannot_be_made() {
        assert_eq!(Policy::new("empty", Vec::new()).unwrap_err(), PolicyError::Empty("empty"));
        let tried = vec![requirement(&[Outcome::Met]).report_only()];
        assert_eq!(Policy::new("tried", tried).unwrap_err(), PolicyError::Empty("tried"));
    }
}
