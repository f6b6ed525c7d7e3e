//! The policies in use, and what answers for them.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::sync::Arc;

use super::policy::{Denial, NamedPolicy, Permit, Policy, PolicyError, Proof, ResourcePolicy};
use super::requirement::{Handler, Requirement};
use super::{Subject, Target};

/// The policies in use, by their types.
#[derive(Debug, Clone, Default)]
pub struct Policies(HashMap<TypeId, Policy>);

impl Policies {
    /// Takes a policy into use; a second time changes nothing.
    ///
    /// # Errors
    /// It has no requirement that is enforced, or the name of another one.
    pub fn add<P: NamedPolicy>(&mut self) -> Result<(), PolicyError> {
        let id = TypeId::of::<P>();
        if self.0.contains_key(&id) {
            return Ok(());
        }
        if self.named(P::NAME).is_some() {
            return Err(PolicyError::SameName(P::NAME));
        }
        self.0.insert(id, Policy::of::<P>()?);
        Ok(())
    }

    /// The policies, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Policy> {
        self.0.values()
    }

    /// The policy of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Policy> {
        self.iter().find(|policy| policy.name() == name)
    }

    /// Demands something more of a policy, where it is in use.
    #[must_use]
    pub fn demand(self, policy: &str, requirement: &Requirement) -> Self {
        self.map(|it| if it.name() == policy { it.and(requirement.clone()) } else { it })
    }

    /// Lets a handler meet every requirement of every policy.
    #[must_use]
    pub fn or(self, handler: &Arc<dyn Handler>) -> Self {
        self.map(|policy| policy.or(handler))
    }

    /// Evaluates the policy `P`.
    ///
    /// # Errors
    /// A requirement is not met, or the policy is not in use.
    pub fn authorize<P: NamedPolicy>(&self, subject: &Subject<'_>) -> Result<Proof<P>, Denial> {
        self.decide::<P>(subject, None)
    }

    /// Evaluates the policy `P` on a resource.
    ///
    /// # Errors
    /// A requirement is not met, or the policy is not in use.
    pub fn authorize_on<P: ResourcePolicy>(
        &self,
        subject: &Subject<'_>,
        target: &Target,
    ) -> Result<Permit<P>, Denial> {
        self.decide::<P>(subject, Some(target)).map(|proof| Permit::new(target, proof))
    }

    /// What the policy `P` would deny for. Gives no proof, whatever `P` says: it is being tried.
    #[must_use]
    pub fn would_deny<P: NamedPolicy>(&self, subject: &Subject<'_>) -> Vec<&'static str> {
        match self.authorize::<P>(subject) {
            Ok(proof) => proof.would_deny().to_vec(),
            Err(denial) => [denial.reasons, denial.would_deny].concat(),
        }
    }

    fn decide<P: NamedPolicy>(
        &self,
        subject: &Subject<'_>,
        target: Option<&Target>,
    ) -> Result<Proof<P>, Denial> {
        let Some(policy) = self.0.get(&TypeId::of::<P>()) else {
            tracing::error!(policy = type_name::<P>(), "a policy that is not in use was asked for");
            let reasons = vec!["policy_not_in_use"];
            return Err(Denial { policy: P::NAME, reasons, would_deny: Vec::new(), roles: Vec::new() });
        };
        policy.decide(subject, target).map(Proof::new)
    }

    fn map(self, change: impl Fn(Policy) -> Policy) -> Self {
        Self(self.0.into_iter().map(|(id, policy)| (id, change(policy))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::ReadPolicy;

    #[test]
    fn two_policies_of_one_name_are_refused_and_one_not_in_use_denies() {
        #[derive(Debug)]
        struct First;
        #[derive(Debug)]
        struct Second;
        impl NamedPolicy for First {
            const NAME: &'static str = "same";
            fn requirements() -> Vec<Requirement> {
                vec![Requirement::app_only()]
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
        assert!(policies.authorize::<First>(&Subject::app(&[])).is_ok());
        assert_eq!(
            policies.authorize::<Second>(&Subject::app(&[])).unwrap_err().reasons,
            ["policy_not_in_use"]
        );
        assert_eq!(policies.would_deny::<Second>(&Subject::app(&[])), ["policy_not_in_use"]);
    }

    #[test]
    fn a_policy_that_is_tried_says_all_that_it_would_deny_for() {
        let mut policies = Policies::default();
        policies.add::<ReadPolicy>().unwrap();
        let certificate = Requirement::certificate().report_only();
        let policies = policies.demand(ReadPolicy::NAME, &certificate);
        let role = ["Resource.Read".to_owned()];
        let tried = |subject: Subject<'_>| policies.would_deny::<ReadPolicy>(&subject);
        assert_eq!(tried(Subject::app(&[])), ["role_missing", "credential_too_weak"]);
        assert_eq!(tried(Subject::app(&role)), ["credential_too_weak"]);
        let certificate = Some(entra_shared::claims::ClientAuthentication::Certificate);
        assert_eq!(tried(Subject { client_authentication: certificate, ..Subject::app(&role) }), [""; 0]);
    }
}
