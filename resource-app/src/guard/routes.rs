//! Routes that cannot be written without a policy.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{OpenApi, PathItem};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::{Authorized, AuthorizedOn, AuthorizedTrying};
use crate::openapi::SECURITY_SCHEME;
use crate::state::AppState;
use entra_guard::authorization::{NamedPolicy, Policies, Policy, PolicyError, ResourcePolicy, Role};

/// The arguments of a handler whose first is an [`Authorized`], an [`AuthorizedOn`] or an [`AuthorizedTrying`].
#[diagnostic::on_unimplemented(
    message = "a handler under /api must take `Authorized<SomePolicy>` as its first argument",
    label = "no policy guards this handler"
)]
pub trait HasPolicy {
    /// The policy that guards the handler.
    type Policy: NamedPolicy;

    /// The name of the policy about the resource, where the handler changes one.
    #[must_use]
    fn resource_policy() -> Option<&'static str> {
        None
    }

    /// The name of the policy that is evaluated and only reported, where one is tried.
    #[must_use]
    fn tried_policy() -> Option<&'static str> {
        None
    }

    /// Takes the policies into use.
    ///
    /// # Errors
    /// One of them cannot be used.
    fn add_to(policies: &mut Policies) -> Result<(), PolicyError> {
        policies.add::<Self::Policy>()
    }
}

macro_rules! has_policy {
    ($($argument:ident)*) => {
        // `M` is axum's marker for how the last argument is made.
        impl<M, P: NamedPolicy, $($argument),*> HasPolicy for (M, Authorized<P>, $($argument,)*) {
            type Policy = P;
        }

        impl<M, P: ResourcePolicy, $($argument),*> HasPolicy for (M, AuthorizedOn<P>, $($argument,)*) {
            type Policy = P::Caller;

            fn resource_policy() -> Option<&'static str> {
                Some(P::NAME)
            }

            fn add_to(policies: &mut Policies) -> Result<(), PolicyError> {
                policies.add::<P::Caller>()?;
                policies.add::<P>()
            }
        }

        impl<M, P: NamedPolicy, N: NamedPolicy, $($argument),*> HasPolicy
            for (M, AuthorizedTrying<P, N>, $($argument,)*)
        {
            type Policy = P;

            fn tried_policy() -> Option<&'static str> {
                Some(N::NAME)
            }

            fn add_to(policies: &mut Policies) -> Result<(), PolicyError> {
                policies.add::<P>()?;
                policies.add::<N>()
            }
        }
    };
}

has_policy!();
has_policy!(A);
has_policy!(A B);
has_policy!(A B C);
has_policy!(A B C D);
has_policy!(A B C D E);

/// One row of the table that says which policy guards what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardedRoute {
    /// The method.
    pub method: Method,
    /// The path's template.
    pub path: String,
    /// The policy's name.
    pub policy: &'static str,
    /// The name of the policy about the resource, where the route changes one.
    pub resource_policy: Option<&'static str>,
    /// The name of the policy that is evaluated and only reported, where one is tried.
    pub tried_policy: Option<&'static str>,
    /// The roles that the policy asks for.
    pub roles: Vec<Role>,
}

/// Routes with their policies, their table and their description.
pub(crate) struct GuardedRoutes {
    router: OpenApiRouter<AppState>,
    policies: Policies,
    table: Vec<GuardedRoute>,
}

/// Adds handlers that `#[utoipa::path]` describes to [`GuardedRoutes`].
macro_rules! guarded {
    ($routes:expr, $($handler:path),+ $(,)?) => {{
        let routes = $routes;
        $(let routes = routes.add(utoipa_axum::routes!($handler), &$handler)?;)+
        routes
    }};
}
pub(crate) use guarded;

impl GuardedRoutes {
    pub(crate) fn new() -> Self {
        Self { router: OpenApiRouter::new(), policies: Policies::default(), table: Vec::new() }
    }

    /// Adds a handler where its description says. The policy is the one that the handler's first argument names.
    pub(crate) fn add<H, T>(
        mut self,
        (schemas, mut paths, _): UtoipaMethodRouter<AppState>,
        handler: &H,
    ) -> Result<Self, PolicyError>
    where
        H: Handler<T, AppState>,
        T: HasPolicy + 'static,
    {
        T::add_to(&mut self.policies)?;
        let roles = Policy::of::<T::Policy>()?.roles();
        let mut methods = MethodRouter::new();
        for (path, item) in &mut paths.paths {
            for (method, filter, operation) in operations(item) {
                operation.security = Some(vec![security(&roles)]);
                // The handler itself and not what was described: only of it is known that it has a policy.
                methods = methods.on(filter, handler.clone());
                let (path, roles) = (path.clone(), roles.clone());
                let (policy, resource_policy, tried_policy) =
                    (T::Policy::NAME, T::resource_policy(), T::tried_policy());
                self.table.push(GuardedRoute { method, path, policy, resource_policy, tried_policy, roles });
            }
        }
        self.router = self.router.routes((schemas, paths, methods));
        Ok(self)
    }

    /// The policies that guard these routes, and no others.
    pub(crate) fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Which policy guards what.
    pub(crate) fn table(&self) -> &[GuardedRoute] {
        &self.table
    }

    /// The routes, which refuse everybody without [`super::guard`], and their description.
    pub(crate) fn into_parts(self) -> (Router<AppState>, OpenApi) {
        self.router.split_for_parts()
    }
}

fn security(roles: &[Role]) -> SecurityRequirement {
    SecurityRequirement::new(SECURITY_SCHEME, roles.iter().map(|role| role.value()))
}

/// The operations of a path: of every method that a description can have, so that no route is left out of a table.
pub(super) fn operations(item: &mut PathItem) -> Vec<(Method, MethodFilter, &mut Operation)> {
    let all = [
        (Method::GET, MethodFilter::GET, item.get.as_mut()),
        (Method::PUT, MethodFilter::PUT, item.put.as_mut()),
        (Method::POST, MethodFilter::POST, item.post.as_mut()),
        (Method::DELETE, MethodFilter::DELETE, item.delete.as_mut()),
        (Method::PATCH, MethodFilter::PATCH, item.patch.as_mut()),
        (Method::HEAD, MethodFilter::HEAD, item.head.as_mut()),
        (Method::OPTIONS, MethodFilter::OPTIONS, item.options.as_mut()),
        (Method::TRACE, MethodFilter::TRACE, item.trace.as_mut()),
    ];
    all.into_iter().filter_map(|(method, filter, operation)| Some((method, filter, operation?))).collect()
}
