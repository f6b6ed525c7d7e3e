//! The policies of one route.

use std::any::{Any, TypeId};
use std::sync::Arc;

use http::Method;

use crate::AppRole;
use crate::policy::{Demands, Policy, PolicyError, ResourcePolicy, Rules};

/// The policies of one route, demands included.
#[derive(Debug)]
pub struct RouteRules {
    pub(crate) caller: Rules,
    pub(crate) caller_type: TypeId,
    pub(crate) resource: Option<ResourceRules>,
    pub(crate) tried: Option<Rules>,
    tried_type: Option<TypeId>,
}

/// The policy about a resource of one route.
#[derive(Debug)]
pub(crate) struct ResourceRules {
    pub(crate) name: &'static str,
    pub(crate) policy_type: TypeId,
    pub(crate) roles: Vec<AppRole>,
    pub(crate) requirements: Vec<String>,
    /// The [`Rules`] for the policy's resource.
    rules: Arc<dyn Any + Send + Sync>,
}

impl RouteRules {
    pub(crate) fn for_policy<P: Policy>(method: &Method, demands: &Demands) -> Result<Self, PolicyError> {
        let caller = Rules::for_policy::<P>(method, demands)?;
        Ok(Self { caller, caller_type: TypeId::of::<P>(), resource: None, tried: None, tried_type: None })
    }

    pub(crate) fn for_resource_policy<P: ResourcePolicy>(
        method: &Method,
        demands: &Demands,
    ) -> Result<Self, PolicyError> {
        let rules = Rules::for_resource_policy::<P>(method, demands)?;
        let resource = ResourceRules {
            name: P::NAME,
            policy_type: TypeId::of::<P>(),
            roles: rules.roles(),
            requirements: rules.requirement_names(),
            rules: Arc::new(rules),
        };
        Ok(Self { resource: Some(resource), ..Self::for_policy::<P::Caller>(method, demands)? })
    }

    pub(crate) fn trying<N: Policy>(self, method: &Method, demands: &Demands) -> Result<Self, PolicyError> {
        let tried = Some(Rules::for_policy::<N>(method, demands)?);
        Ok(Self { tried, tried_type: Some(TypeId::of::<N>()), ..self })
    }

    /// The rules of a policy about a resource, if the route has that policy.
    pub(crate) fn of_resource<P: ResourcePolicy>(&self) -> Option<&Rules<P::Resource>> {
        let resource = self.resource.as_ref().filter(|it| it.policy_type == TypeId::of::<P>())?;
        resource.rules.downcast_ref()
    }

    /// The policies' names and types: of callers, of a resource, tried.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&'static str, TypeId)> {
        let resource = self.resource.as_ref().map(|it| (it.name, it.policy_type));
        let tried = self.tried.as_ref().map(|rules| rules.name).zip(self.tried_type);
        [(self.caller.name, self.caller_type)].into_iter().chain(resource).chain(tried)
    }

    /// The roles that all policies of the route ask for.
    pub(crate) fn roles(&self) -> Vec<AppRole> {
        let resource = self.resource.as_ref().map(|it| it.roles.clone()).unwrap_or_default();
        let tried = self.tried.as_ref().map(Rules::roles).unwrap_or_default();
        [self.caller.roles(), resource, tried].concat()
    }
}
