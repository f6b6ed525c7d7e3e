//! Finds a handler's policy in its type.

use http::Method;

use super::{Authorized, AuthorizedOn, AuthorizedTrying, RouteRules};
use crate::policy::{Demands, Policy, PolicyError, ResourcePolicy};

/// The arguments of a handler whose first one names a policy.
///
/// Implemented for [`Authorized`], [`AuthorizedOn`] and [`AuthorizedTrying`], followed by up to 15 more arguments.
#[diagnostic::on_unimplemented(
    message = "a guarded handler must take `Authorized<SomePolicy>` as its first argument",
    label = "no policy guards this handler",
    note = "`AuthorizedOn<P>` and `AuthorizedTrying<P, N>` name a policy too"
)]
pub trait HasPolicy {
    /// The rules of the policies for a route with this method.
    #[doc(hidden)]
    fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError>;
}

macro_rules! has_policy {
    ($($argument:ident)*) => {
        // `M` is axum's marker for how the last argument is extracted.
        impl<M, P: Policy, $($argument),*> HasPolicy for (M, Authorized<P>, $($argument,)*) {
            fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
                RouteRules::for_policy::<P>(method, demands)
            }
        }

        impl<M, P: ResourcePolicy, $($argument),*> HasPolicy for (M, AuthorizedOn<P>, $($argument,)*) {
            fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
                RouteRules::for_resource_policy::<P>(method, demands)
            }
        }

        impl<M, P: Policy, N: Policy, $($argument),*> HasPolicy for (M, AuthorizedTrying<P, N>, $($argument,)*) {
            fn rules(method: &Method, demands: &Demands) -> Result<RouteRules, PolicyError> {
                RouteRules::for_policy::<P>(method, demands)?.trying::<N>(method, demands)
            }
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
