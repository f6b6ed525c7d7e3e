//! A policy, the set of those in use, and what evaluating one gives.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::sync::Arc;

use super::requirement::{Handler, Outcome, Requirement};
use super::{Role, Subject};

/// A policy's type: handlers name it in their signature.
pub trait NamedPolicy: Send + Sync + 'static {
    /// The name in logs and in the API's description.
    const NAME: &'static str;

    /// What must all be met.
    fn requirements() -> Vec<Requirement>;
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
    /// A policy without requirements would let everybody pass.
    #[error("the policy {0} has no requirement")]
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
    /// The roles that the policy asks for, whether the caller has them or not.
    pub roles: Vec<Role>,
}

/// A policy's yes: only evaluating `P` makes one.
#[derive(Debug)]
pub struct Proof<P>(PhantomData<fn() -> P>);

impl Policy {
    /// A policy of these requirements.
    ///
    /// # Errors
    /// There is none.
    pub fn new(name: &'static str, requirements: Vec<Requirement>) -> Result<Self, PolicyError> {
        if requirements.is_empty() { Err(PolicyError::Empty(name)) } else { Ok(Self { name, requirements }) }
    }

    /// The policy of a type.
    ///
    /// # Errors
    /// It has no requirement.
    pub fn of<P: NamedPolicy>() -> Result<Self, PolicyError> {
        Self::new(P::NAME, P::requirements())
    }

    /// The roles it asks for.
    #[must_use]
    pub fn roles(&self) -> Vec<Role> {
        self.requirements.iter().filter_map(Requirement::required_role).collect()
    }

    /// Evaluates the policy.
    ///
    /// # Errors
    /// A requirement is not met, or a handler vetoed.
    pub fn decide(&self, subject: &Subject<'_>) -> Result<(), Denial> {
        // All of them, so that a log tells everything that is missing at once.
        let reasons: Vec<_> =
            self.requirements.iter().filter_map(|requirement| unmet(requirement, subject)).collect();
        if reasons.is_empty() { Ok(()) } else { Err(self.denial(reasons)) }
    }

    fn denial(&self, reasons: Vec<&'static str>) -> Denial {
        Denial { policy: self.name, reasons, roles: self.roles() }
    }

    fn or(self, handler: &Arc<dyn Handler>) -> Self {
        let requirements =
            self.requirements.into_iter().map(|requirement| requirement.or(Arc::clone(handler)));
        Self { requirements: requirements.collect(), ..self }
    }
}

fn unmet(requirement: &Requirement, subject: &Subject<'_>) -> Option<&'static str> {
    match requirement.handle(subject) {
        Outcome::Met => None,
        Outcome::NotMet => Some(requirement.reason()),
        Outcome::Veto => Some("vetoed"),
    }
}

/// The policies in use, by their types.
#[derive(Debug, Clone, Default)]
pub struct Policies(HashMap<TypeId, Policy>);

impl Policies {
    /// Takes a policy into use; a second time changes nothing.
    ///
    /// # Errors
    /// It has no requirement, or the name of another one.
    pub fn add<P: NamedPolicy>(&mut self) -> Result<(), PolicyError> {
        let id = TypeId::of::<P>();
        if self.0.contains_key(&id) {
            return Ok(());
        }
        if self.0.values().any(|policy| policy.name == P::NAME) {
            return Err(PolicyError::SameName(P::NAME));
        }
        self.0.insert(id, Policy::of::<P>()?);
        Ok(())
    }

    /// Lets a handler meet every requirement of every policy.
    #[must_use]
    pub fn or(self, handler: &Arc<dyn Handler>) -> Self {
        Self(self.0.into_iter().map(|(id, policy)| (id, policy.or(handler))).collect())
    }

    /// Evaluates the policy `P`.
    ///
    /// # Errors
    /// A requirement is not met, or the policy is not in use.
    pub fn authorize<P: NamedPolicy>(&self, subject: &Subject<'_>) -> Result<Proof<P>, Denial> {
        let Some(policy) = self.0.get(&TypeId::of::<P>()) else {
            tracing::error!(policy = type_name::<P>(), "a policy that is not in use was asked for");
            return Err(Denial { policy: P::NAME, reasons: vec!["policy_not_in_use"], roles: Vec::new() });
        };
        policy.decide(subject).map(|()| Proof(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Says(Outcome);

    impl Handler for Says {
        fn handle(&self, _: &Subject<'_>) -> Outcome {
            self.0
        }
    }

    const NOBODY: Subject<'_> = Subject { app_only: false, roles: &[], development: false };

    fn requirement(outcomes: &[Outcome]) -> Requirement {
        let (first, rest) = outcomes.split_first().unwrap();
        rest.iter()
            .fold(Requirement::new("not_met", Says(*first)), |it, outcome| it.or(Arc::new(Says(*outcome))))
    }

    fn decide(requirements: &[&[Outcome]]) -> Result<(), Vec<&'static str>> {
        let requirements = requirements.iter().map(|outcomes| requirement(outcomes)).collect();
        Policy::new("test", requirements).unwrap().decide(&NOBODY).map_err(|denial| denial.reasons)
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
    fn a_policy_without_requirements_cannot_be_made() {
        assert_eq!(Policy::new("empty", Vec::new()).unwrap_err(), PolicyError::Empty("empty"));
    }

    #[test]
    fn two_policies_of_one_name_are_refused_and_one_not_in_use_denies() {
        #[derive(Debug)]
        struct First;
        #[derive(Debug)]
        struct Second;
        impl NamedPolicy for First {
            const NAME: &'static str = "same";
            fn requirements() -> Vec<Requirement> {
                vec![Requirement::new("not_met", Says(Outcome::Met))]
            }
        }
        impl NamedPolicy for Second {
            const NAME: &'static str = "same";
            fn requirements() -> Vec<Requirement> {
                First::requirements()
            }
        }
        let mut policies = Policies::default();
        policies.add::<First>().unwrap();
        policies.add::<First>().unwrap();
        assert_eq!(policies.add::<Second>().unwrap_err(), PolicyError::SameName("same"));
        assert!(policies.authorize::<First>(&NOBODY).is_ok());
        assert_eq!(policies.authorize::<Second>(&NOBODY).unwrap_err().reasons, ["policy_not_in_use"]);
    }
}
