//! The policies of one route.

use std::any::{Any, TypeId};

use http::Method;

use super::RoutePolicy;
use crate::policy::{Demands, Policy, PolicyError, ResourcePolicy, Rules};

/// The policies of one route, including the operator's demands.
#[derive(Debug)]
pub struct RouteRules {
    pub(crate) caller: Rules,
    pub(crate) tried: Option<Rules>,
    /// The [`ResourceRules`] of the policy about a resource.
    resource: Option<Box<dyn Any + Send + Sync>>,
    /// The descriptions of the policies for the table of routes: about callers, on a resource, on trial.
    policies: Vec<(TypeId, RoutePolicy)>,
}

/// The rules of one policy on a resource, which are looked up by the policy's type.
struct ResourceRules<P: ResourcePolicy>(Rules<P::Resource>);

impl RouteRules {
    pub(crate) fn for_policy<P: Policy>(method: &Method, demands: &Demands) -> Result<Self, PolicyError> {
        let caller = Rules::for_policy::<P>(method, demands)?;
        let policies = vec![(TypeId::of::<P>(), RoutePolicy::new(&caller))];
        Ok(Self { caller, tried: None, resource: None, policies })
    }

    pub(crate) fn for_resource_policy<P: ResourcePolicy>(
        method: &Method,
        demands: &Demands,
    ) -> Result<Self, PolicyError> {
        let mut route = Self::for_policy::<P::Caller>(method, demands)?;
        let rules = Rules::for_resource_policy::<P>(method, demands)?;
        let policy = RoutePolicy { on_resource: true, ..RoutePolicy::new(&rules) };
        route.policies.push((TypeId::of::<P>(), policy));
        route.resource = Some(Box::new(ResourceRules::<P>(rules)));
        Ok(route)
    }

    pub(crate) fn trying<N: Policy>(
        mut self,
        method: &Method,
        demands: &Demands,
    ) -> Result<Self, PolicyError> {
        let rules = Rules::for_policy::<N>(method, demands)?;
        let policy = RoutePolicy { report_only: true, ..RoutePolicy::new(&rules) };
        self.policies.push((TypeId::of::<N>(), policy));
        Ok(Self { tried: Some(rules), ..self })
    }

    /// Returns whether `P` is the policy about callers that guards the route.
    pub(super) fn is_guarded_by<P: Policy>(&self) -> bool {
        self.policies.first().is_some_and(|(policy_type, _)| *policy_type == TypeId::of::<P>())
    }

    /// Returns the rules of a policy on a resource, if the route has that policy.
    pub(super) fn for_resource<P: ResourcePolicy>(&self) -> Option<&Rules<P::Resource>> {
        let rules: &ResourceRules<P> = self.resource.as_ref()?.downcast_ref()?;
        Some(&rules.0)
    }

    /// Returns all policies of the route with their types.
    pub(crate) fn policies(&self) -> &[(TypeId, RoutePolicy)] {
        &self.policies
    }
}
