//! Dispatches requests for one path by their method.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::any;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::pipeline::run;
use super::table::join;
use super::{ErasedHandler, GuardedRoutes, RouteError, RouteRules};
use crate::answers::Refusal;
use crate::guard::Guard;

/// The routes of one path.
struct GuardedPath<S> {
    guard: Guard,
    methods: Vec<(Method, Arc<RouteRules>, ErasedHandler<S>)>,
}

/// Returns a router of these routes, each path below `prefix`.
pub(super) fn router<S>(
    guard: &Guard,
    prefix: &str,
    routes: GuardedRoutes<S>,
) -> Result<Router<S>, RouteError>
where
    S: Clone + Send + Sync + 'static,
{
    routes.table()?;
    guard.inner().decisions.name_clients(routes.demands.listed_clients());
    let mut paths: BTreeMap<String, GuardedPath<S>> = BTreeMap::new();
    for entry in routes.routes {
        let rules = Arc::new((entry.rules)(&entry.method, &routes.demands)?);
        let path = join(prefix, &entry.path);
        let methods =
            paths.entry(path).or_insert_with(|| GuardedPath { guard: guard.clone(), methods: Vec::new() });
        methods.methods.push((entry.method, rules, entry.handler));
    }
    Ok(paths.into_iter().fold(Router::new(), |router, (path, methods)| {
        let methods = Arc::new(methods);
        let answer =
            async move |State(state): State<S>, request: Request| methods.answer(request, state).await;
        router.route(&path, any(answer))
    }))
}

impl<S> GuardedPath<S> {
    async fn answer(&self, request: Request, state: S) -> Response {
        let target = match self.find(request.method()) {
            Some((_, rules, handler)) => Ok((Arc::clone(rules), move |request| handler(request, state))),
            None => Err(Refusal::MethodNotAllowed),
        };
        let mut response = run(self.guard.inner(), request, true, target).await;
        // Only a known caller gets this status, so no one else learns which methods there are.
        if response.status() == StatusCode::METHOD_NOT_ALLOWED
            && let Ok(allow) = HeaderValue::try_from(self.allow())
        {
            response.headers_mut().insert(header::ALLOW, allow);
        }
        response
    }

    fn find(&self, method: &Method) -> Option<&(Method, Arc<RouteRules>, ErasedHandler<S>)> {
        let find = |method: &Method| self.methods.iter().find(|(it, ..)| it == method);
        find(method).or_else(|| (*method == Method::HEAD).then(|| find(&Method::GET)).flatten())
    }

    fn allow(&self) -> String {
        let names = self.methods.iter().flat_map(|(method, ..)| {
            let head = (*method == Method::GET).then_some("HEAD");
            [Some(method.as_str()), head].into_iter().flatten()
        });
        names.collect::<Vec<_>>().join(",")
    }
}
