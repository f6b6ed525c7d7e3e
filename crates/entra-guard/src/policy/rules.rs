//! The evaluation of a policy.

use http::Method;

use super::{Context, Demands, Policy, Requirement, ResourcePolicy, Subject};
use crate::AppRole;

/// A policy's requirements on one route, demands included.
#[derive(Debug)]
pub(crate) struct Rules<R = ()> {
    pub(crate) name: &'static str,
    requirements: Vec<Requirement<R>>,
}

/// A policy cannot be used; a mistake of its author.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// Without a requirement that is enforced, a policy would let everyone pass.
    #[error("the policy {0} has no requirement that is enforced")]
    Empty(&'static str),
    /// Two policies with one name could not be told apart in a log.
    #[error("two policies have the name {0}")]
    SameName(&'static str),
}

/// A policy denied a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The policy's name.
    pub policy: &'static str,
    /// The reason codes of the requirements that were not met, in the policy's order; never empty.
    pub reasons: Vec<&'static str>,
    /// The reason codes of unmet requirements that are reported but not enforced, so they do not deny the request.
    pub would_deny: Vec<&'static str>,
    /// The roles that the policy asks for, whether or not the caller has them.
    pub roles: Vec<AppRole>,
}

impl Denial {
    /// The denial of a request for which there is no such policy.
    pub(crate) fn no_policy(policy: &'static str) -> Self {
        Self { policy, reasons: vec!["no_policy"], would_deny: Vec::new(), roles: Vec::new() }
    }

    /// Returns the first reason code.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reasons.first().copied().unwrap_or("denied")
    }
}

impl Rules {
    /// Returns the rules of a policy about callers, on a route with this method.
    pub(crate) fn for_policy<P: Policy>(method: &Method, demands: &Demands) -> Result<Self, PolicyError> {
        let mut rules = Self::new(P::NAME, P::requirements().0)?;
        rules.requirements.extend(demands.for_caller::<P>(method));
        Ok(rules)
    }
}

impl<R: 'static> Rules<R> {
    /// Returns the rules of a policy about a resource, on a route with this method.
    pub(crate) fn for_resource_policy<P: ResourcePolicy<Resource = R>>(
        method: &Method,
        demands: &Demands,
    ) -> Result<Self, PolicyError> {
        let mut rules = Self::new(P::NAME, P::requirements().0)?;
        rules.requirements.extend(demands.for_resource::<P>(method));
        Ok(rules)
    }

    pub(crate) fn new(name: &'static str, requirements: Vec<Requirement<R>>) -> Result<Self, PolicyError> {
        if requirements.iter().any(Requirement::is_enforced) {
            Ok(Self { name, requirements })
        } else {
            Err(PolicyError::Empty(name))
        }
    }

    /// Returns the roles that the policy asks for.
    pub(crate) fn roles(&self) -> Vec<AppRole> {
        self.requirements.iter().flat_map(Requirement::roles).copied().collect()
    }

    /// Returns the requirements' names, for people.
    pub(crate) fn requirement_names(&self) -> Vec<String> {
        self.requirements.iter().map(ToString::to_string).collect()
    }

    /// Evaluates the policy; returns the reason codes of what is only reported.
    pub(crate) fn evaluate(&self, caller: &Subject<'_>, resource: &R) -> Result<Vec<&'static str>, Denial> {
        let context = Context { caller, resource };
        // All requirements, so that a log shows everything that is missing at once.
        let (mut reasons, mut would_deny) = (Vec::new(), Vec::new());
        for requirement in &self.requirements {
            if let Some(reason) = requirement.unmet(&context) {
                if requirement.is_enforced() { reasons.push(reason) } else { would_deny.push(reason) }
            }
        }
        if reasons.is_empty() {
            return Ok(would_deny);
        }
        Err(Denial { policy: self.name, reasons, would_deny, roles: self.roles() })
    }
}
