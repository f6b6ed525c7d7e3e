//! Finds a handler's policies in its type.

use super::{Authorized, RouteGuard};

/// The arguments of a handler whose first argument names a policy.
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
