//! The policies that a proof names.

use std::marker::PhantomData;

use http::Method;

use super::RouteRules;
use crate::policy::{Demands, Policy, PolicyError, ResourcePolicy};

/// The policies that guard a route: a [`Policy`] itself, [`On`] or [`Trying`].
#[diagnostic::on_unimplemented(message = "`{Self}` is not a policy; implement `entra_guard::Policy` for it")]
pub trait RouteGuard: 'static {
    /// The name of the policy that decides whether the request is granted.
    #[doc(hidden)]
    const NAME: &'static str;

    /// Returns the rules of the policies for a route with this method, including the operator's demands.
    #[doc(hidden)]
    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError>;

    /// Returns whether a request that these rules granted was granted by these policies.
    #[doc(hidden)]
    fn guards(rules: &RouteRules) -> bool;
}

/// Guards a route by the policy `P` on a resource, after its policy about callers.
#[derive(Debug)]
pub struct On<P>(PhantomData<fn() -> P>);

/// Guards a route by the policy `P`, while the policy `N` is on trial: evaluated and logged, but never enforced.
#[derive(Debug)]
pub struct Trying<P, N>(PhantomData<fn() -> (P, N)>);

impl<P: Policy> RouteGuard for P {
    const NAME: &'static str = P::NAME;

    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
        RouteRules::for_policy::<P>(method, demands)
    }

    fn guards(rules: &RouteRules) -> bool {
        rules.is_guarded_by::<P>()
    }
}

impl<P: ResourcePolicy> RouteGuard for On<P> {
    const NAME: &'static str = P::NAME;

    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
        RouteRules::for_resource_policy::<P>(method, demands)
    }

    fn guards(rules: &RouteRules) -> bool {
        rules.for_resource::<P>().is_some()
    }
}

impl<P: Policy, N: Policy> RouteGuard for Trying<P, N> {
    const NAME: &'static str = P::NAME;

    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
        RouteRules::for_policy::<P>(method, demands)?.trying::<N>(method, demands)
    }

    fn guards(rules: &RouteRules) -> bool {
        rules.is_guarded_by::<P>()
    }
}
