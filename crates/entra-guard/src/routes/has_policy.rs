//! Finds a handler's policies in its type.

use std::marker::PhantomData;

use http::Method;

use super::{Authorized, RouteRules};
use crate::policy::{Demands, Policy, PolicyError, ResourcePolicy};

/// The policies that guard a route: a [`Policy`] itself, [`On`] or [`Trying`].
#[diagnostic::on_unimplemented(message = "`{Self}` is not a policy; implement `entra_guard::Policy` for it")]
pub trait RouteGuard: 'static {
    /// The name of the policy that decides.
    #[doc(hidden)]
    const NAME: &'static str;

    /// The rules of the policies for a route with this method.
    #[doc(hidden)]
    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError>;

    /// Whether a request that these rules granted was granted by these policies.
    #[doc(hidden)]
    fn guards(rules: &RouteRules) -> bool;
}

/// The policy `P` about a resource, after its policy about callers.
#[derive(Debug)]
pub struct On<P>(PhantomData<fn() -> P>);

/// The policy `P`, while the policy `N` is tried.
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

/// The arguments of a handler whose first one names a policy.
///
/// Implemented for [`Authorized`] followed by up to 15 more arguments.
#[diagnostic::on_unimplemented(
    message = "a guarded handler must take `Authorized<SomePolicy>` as its first argument",
    label = "no policy guards this handler",
    note = "`AuthorizedOn<P>` and `AuthorizedTrying<P, N>` name a policy too"
)]
pub trait HasPolicy {
    /// The policies.
    #[doc(hidden)]
    type Guard: RouteGuard;
}

macro_rules! has_policy {
    ($($argument:ident)*) => {
        // `M` is axum's marker for how the last argument is extracted.
        impl<M, G: RouteGuard, $($argument),*> HasPolicy for (M, Authorized<G>, $($argument,)*) {
            type Guard = G;
        }
    };
}

macro_rules! up_to {
    ($($argument:ident)*) => { up_to!(@each [] $($argument)*); };
    (@each [$($done:ident)*]) => { has_policy!($($done)*); };
    (@each [$($done:ident)*] $next:ident $($rest:ident)*) => {
        has_policy!($($done)*);
        up_to!(@each [$($done)* $next] $($rest)*);
    };
}

up_to!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15);
