//! Guarded routes: routes that cannot be registered without a policy.
//!
//! A request passes these steps, in this order:
//!
//! 1. authentication;
//! 2. the route's method;
//! 3. the policy about callers;
//! 4. the handler, with its policy about a resource;
//! 5. the check that no response goes out that a policy denied.

mod authorized;
#[cfg(feature = "utoipa")]
mod described;
mod has_policy;
mod layer;
mod path;
mod pipeline;
mod protect;
mod route_guard;
mod rules;
mod table;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::Method;

pub use authorized::{Authorized, AuthorizedOn, AuthorizedTrying, MissingGuard, Permit};
#[cfg(feature = "utoipa")]
pub use described::SECURITY_SCHEME;
pub use has_policy::HasPolicy;
pub use layer::{RequireLayer, RequireService};
pub use route_guard::{On, RouteGuard, Trying};
pub use rules::RouteRules;
pub use table::{RouteError, RoutePolicy, RouteTable, TableRow};

use crate::guard::Guard;
use crate::policy::{Demands, PolicyError};

/// Routes whose policies come from the types of their handlers.
///
/// A handler takes [`Authorized<P>`], [`AuthorizedOn<P>`] or [`AuthorizedTrying<P, N>`] as its first argument; one that
/// does not cannot be registered. HEAD is answered by the handler of GET. OPTIONS needs a token like every method: a
/// browser's preflight is answered by a CORS layer around the router.
pub struct GuardedRoutes<S = ()> {
    guard: Option<Guard>,
    demands: Demands,
    routes: Vec<Entry<S>>,
    #[cfg(feature = "utoipa")]
    description: utoipa::openapi::OpenApi,
}

/// A registered route.
struct Entry<S> {
    method: Method,
    path: String,
    rules: RulesFor,
    handler: ErasedHandler<S>,
}

/// The rules of a handler's policies for a method under an operator's demands.
type RulesFor = fn(&Method, &Demands) -> Result<RouteRules, PolicyError>;

/// A handler whose type has been erased.
type ErasedHandler<S> = Arc<dyn Fn(Request, S) -> BoxFuture<'static, Response> + Send + Sync>;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $method:ident;)+) => {
        $(
            $(#[$doc])*
            #[must_use]
            pub fn $name<H, T>(self, path: &str, handler: H) -> Self
            where
                H: Handler<T, S>,
                T: HasPolicy + 'static,
            {
                self.route(Method::$method, path, handler)
            }
        )+
    };
}

impl<S: Clone + Send + Sync + 'static> GuardedRoutes<S> {
    /// Creates a table without a guard, for [`Guard::protect`] or to look at [`Self::table`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            guard: None,
            demands: Demands::default(),
            routes: Vec::new(),
            #[cfg(feature = "utoipa")]
            description: described::empty(),
        }
    }

    methods! {
        /// Adds a GET route, which answers HEAD too.
        get = GET;
        /// Adds a POST route.
        post = POST;
        /// Adds a PUT route.
        put = PUT;
        /// Adds a PATCH route.
        patch = PATCH;
        /// Adds a DELETE route.
        delete = DELETE;
    }

    /// Adds a route with any method.
    #[must_use]
    pub fn route<H, T>(mut self, method: Method, path: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: HasPolicy + 'static,
    {
        let handler: ErasedHandler<S> =
            Arc::new(move |request, state| Box::pin(handler.clone().call(request, state)));
        self.routes.push(Entry { method, path: path.to_owned(), rules: T::Guard::rules, handler });
        self
    }

    /// Adds the routes of another table.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.routes.extend(other.routes);
        #[cfg(feature = "utoipa")]
        self.description.merge(other.description);
        self
    }

    /// Applies an operator's demands to all routes of the table.
    #[must_use]
    pub fn demand(self, demands: Demands) -> Self {
        Self { demands, ..self }
    }

    /// Gives the handlers their state.
    #[must_use]
    pub fn with_state(self, state: S) -> GuardedRoutes {
        let with_state = |entry: Entry<S>| {
            let (handler, state) = (entry.handler, state.clone());
            let handler: ErasedHandler<()> = Arc::new(move |request, ()| handler(request, state.clone()));
            Entry { method: entry.method, path: entry.path, rules: entry.rules, handler }
        };
        GuardedRoutes {
            guard: self.guard,
            demands: self.demands,
            routes: self.routes.into_iter().map(with_state).collect(),
            #[cfg(feature = "utoipa")]
            description: self.description,
        }
    }

    /// Returns the policies of each route, including the operator's demands.
    ///
    /// # Errors
    ///
    /// Routes, policies or roles contradict each other, or a setting names a policy that guards nothing.
    pub fn table(&self) -> Result<RouteTable, RouteError> {
        RouteTable::check(&self.routes, &self.demands)
    }

    /// Returns the policies of each route.
    pub(crate) fn rules(&self) -> Result<Vec<RouteRules>, PolicyError> {
        self.routes.iter().map(|entry| (entry.rules)(&entry.method, &self.demands)).collect()
    }

    /// Returns the guarded routes as a router, to merge or nest anywhere. It has no fallback.
    ///
    /// # Errors
    /// As for [`Self::table`]; or a path is not one of axum's, or there is no guard.
    pub fn into_router(self) -> Result<Router<S>, RouteError> {
        let guard = self.guard.clone().ok_or(RouteError::NoGuard)?;
        path::router(&guard, "", self)
    }
}

impl<S: Clone + Send + Sync + 'static> Default for GuardedRoutes<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> std::fmt::Debug for GuardedRoutes<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let routes = self.routes.iter().map(|entry| format!("{} {}", entry.method, entry.path));
        f.debug_list().entries(routes).finish()
    }
}

impl Guard {
    /// Starts a table of guarded routes.
    #[must_use]
    pub fn routes<S: Clone + Send + Sync + 'static>(&self) -> GuardedRoutes<S> {
        GuardedRoutes { guard: Some(self.clone()), ..GuardedRoutes::new() }
    }
}
