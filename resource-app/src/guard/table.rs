//! The table of all routes and what guards each, checked before the app serves.

use std::fmt;

use http::Method;
use serde::{Serialize, Serializer};

use super::GuardedRoute;
use entra_guard::authorization::{
    CALLER_POLICIES, Policies, PolicyError, RESOURCE_POLICIES, Requirement, Role,
};

/// All routes, each with what guards it.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct RouteTable(Vec<Route>);

/// One row of the table.
#[derive(Debug, Clone, Serialize)]
pub struct Route {
    #[serde(serialize_with = "as_text")]
    method: Method,
    path: String,
    /// What guards it; nothing where it is open.
    guards: Vec<Guard>,
}

/// One policy of a route.
#[derive(Debug, Clone, Serialize)]
struct Guard {
    policy: &'static str,
    /// Whether it is evaluated on the resource, and not before one is looked for.
    on_resource: bool,
    /// Whether it is evaluated and reported, and denies nothing here.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    report_only: bool,
    #[serde(serialize_with = "as_texts")]
    roles: Vec<Role>,
    #[serde(serialize_with = "as_texts")]
    requirements: Vec<Requirement>,
}

/// This app: its routes and policies do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A route under `/api` that no policy guards.
    #[error("no policy guards {0} {1}; every route under /api must be registered with one")]
    Unguarded(Method, String),
    /// A guarded route elsewhere, where nobody is authenticated.
    #[error("{0} {1} has a policy and does not lie under /api, where callers are authenticated")]
    OutsideApi(Method, String),
    /// A policy that is not on the list of those that exist, so that no setting can name it.
    #[error("{0} guards a route and is not in authorization/policies.rs' list of policies; add it there")]
    Undeclared(&'static str),
    /// A policy that exists and guards nothing; to be tried is not to guard.
    #[error("{0} guards no route; give it one, or remove it from authorization/policies.rs")]
    Unused(&'static str),
}

impl RouteTable {
    /// The table of these routes.
    ///
    /// # Errors
    /// An open route lies under `api` or a guarded one elsewhere, or a policy is unknown or unused.
    pub(crate) fn new(
        api: &str,
        guarded: &[GuardedRoute],
        open: &[(Method, String)],
        policies: &Policies,
    ) -> Result<Self, RouteError> {
        check_policies(guarded)?;
        if let Some((method, path)) = open.iter().find(|(_, path)| is_below(path, api)) {
            return Err(RouteError::Unguarded(method.clone(), path.clone()));
        }
        if let Some(route) = guarded.iter().find(|route| !is_below(&route.path, api)) {
            return Err(RouteError::OutsideApi(route.method.clone(), route.path.clone()));
        }
        let guarded = guarded.iter().map(|route| Route {
            method: route.method.clone(),
            path: route.path.clone(),
            guards: guards(route, policies),
        });
        let open = open.iter().map(|(method, path)| Route {
            method: method.clone(),
            path: path.clone(),
            guards: Vec::new(),
        });
        Ok(Self(guarded.chain(open).collect()))
    }

    /// The templates of the paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|route| route.path.as_str())
    }
}

/// Checks the policies that guard these routes. One that is only tried guards nothing, and no setting has to know it.
fn check_policies(routes: &[GuardedRoute]) -> Result<(), RouteError> {
    let guarding = || routes.iter().flat_map(|route| [route.policy].into_iter().chain(route.resource_policy));
    let declared = || CALLER_POLICIES.into_iter().chain(RESOURCE_POLICIES);
    let undeclared = guarding().find(|name| !declared().any(|declared| declared == *name));
    let unused = declared().find(|name| !guarding().any(|guarding| guarding == *name));
    match (undeclared, unused) {
        (Some(name), _) => Err(RouteError::Undeclared(name)),
        (None, Some(name)) => Err(RouteError::Unused(name)),
        (None, None) => Ok(()),
    }
}

/// Whether a path is `api` or lies below it.
pub(crate) fn is_below(path: &str, api: &str) -> bool {
    path.strip_prefix(api).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn guards(route: &GuardedRoute, policies: &Policies) -> Vec<Guard> {
    let guard = |name: Option<&str>| {
        let policy = policies.named(name?)?;
        let (roles, requirements) = (policy.roles(), policy.requirements().to_vec());
        Some(Guard { policy: policy.name(), on_resource: false, report_only: false, roles, requirements })
    };
    let on_resource = guard(route.resource_policy).map(|guard| Guard { on_resource: true, ..guard });
    let tried = guard(route.tried_policy).map(|guard| Guard { report_only: true, ..guard });
    guard(Some(route.policy)).into_iter().chain(on_resource).chain(tried).collect()
}

fn as_text<S: Serializer>(value: impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&value)
}

fn as_texts<T: fmt::Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

/// A line a policy, in columns.
impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|route| route.path.len()).max().unwrap_or_default();
        for Route { method, path, guards } in &self.0 {
            if guards.is_empty() {
                writeln!(f, "{:<6} {path:<width$}  open", method.as_str())?;
            }
            for (guard, on_first) in guards.iter().zip([true].into_iter().chain(std::iter::repeat(false))) {
                // The second policy of a route stands below the first.
                let (method, path) = if on_first { (method.as_str(), path.as_str()) } else { ("", "") };
                writeln!(f, "{method:<6} {path:<width$}  {guard}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |texts: Vec<String>| if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
        let roles = list(self.roles.iter().map(ToString::to_string).collect());
        let requirements = list(self.requirements.iter().map(ToString::to_string).collect());
        let report_only = if self.report_only { " (report only)" } else { "" };
        write!(f, "{:<13}  {roles:<14}  {requirements}", format!("{}{report_only}", self.policy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::router::api;

    fn table(open: &[(Method, String)], policies: &Policies) -> Result<RouteTable, RouteError> {
        RouteTable::new("/api", api().unwrap().table(), open, policies)
    }

    #[test]
    fn an_open_route_under_the_api_is_refused() {
        let policies = api().unwrap().policies().clone();
        for (path, refused) in
            [("/api", true), ("/api/", true), ("/api/x", true), ("/apis", false), ("/health/api", false)]
        {
            let open = [(Method::GET, path.to_owned())];
            let expected = RouteError::Unguarded(Method::GET, path.to_owned());
            assert_eq!(table(&open, &policies).err(), refused.then_some(expected), "{path}");
        }
    }

    #[test]
    fn a_guarded_route_outside_the_api_is_refused() {
        for path in ["/resources", "/apis", "/API/resources"] {
            let (refused, method) = with_first(|route| path.clone_into(&mut route.path));
            assert_eq!(refused.unwrap_err(), RouteError::OutsideApi(method, path.to_owned()));
        }
    }

    #[test]
    fn a_policy_that_is_tried_is_listed_as_reported_only() {
        let (table, _) = with_first(|route| {
            (route.policy, route.tried_policy) = ("DefaultPolicy", Some("WritePolicy"));
        });
        let table = table.unwrap();
        let lines: Vec<_> = table.to_string().lines().map(str::trim).map(str::to_owned).collect();
        assert!(lines[0].contains("DefaultPolicy") && !lines[0].contains("report only"), "{lines:?}");
        assert!(lines[1].starts_with("WritePolicy (report only)  Resource.Write"), "{lines:?}");
        let json = serde_json::to_value(&table).unwrap();
        assert_eq!(json[0]["guards"][1]["report_only"], true);
        assert_eq!(json[0]["guards"][0].get("report_only"), None);
    }

    #[test]
    fn a_policy_that_is_unknown_or_unused_is_refused() {
        let (refused, _) = with_first(|route| route.policy = "NewPolicy");
        assert_eq!(refused.unwrap_err(), RouteError::Undeclared("NewPolicy"));
        let (refused, _) = with_first(|route| route.resource_policy = Some("NewPolicy"));
        assert_eq!(refused.unwrap_err(), RouteError::Undeclared("NewPolicy"));
        assert_eq!(without("DefaultPolicy", None).unwrap_err(), RouteError::Unused("DefaultPolicy"));
        assert_eq!(without("OwnerPolicy", None).unwrap_err(), RouteError::Unused("OwnerPolicy"));
    }

    #[test]
    fn a_policy_that_is_only_tried_counts_as_unused_and_one_that_guards_nothing_yet_can_be_tried() {
        for name in ["ReadPolicy", "DefaultPolicy"] {
            assert_eq!(without(name, Some(name)).unwrap_err(), RouteError::Unused(name));
        }
        let (table, _) = with_first(|route| route.tried_policy = Some("NewPolicy"));
        assert!(table.is_ok());
    }

    /// The table with the first route changed, and that route's method.
    fn with_first(change: impl FnOnce(&mut GuardedRoute)) -> (Result<RouteTable, RouteError>, Method) {
        let api = api().unwrap();
        let mut routes = api.table().to_vec();
        change(&mut routes[0]);
        (RouteTable::new("/api", &routes, &[], api.policies()), routes[0].method.clone())
    }

    /// The table where another policy stands in this one's place, and `tried` is tried beside it.
    fn without(name: &str, tried: Option<&'static str>) -> Result<RouteTable, RouteError> {
        let api = api().unwrap();
        let mut routes = api.table().to_vec();
        for route in routes.iter_mut().filter(|route| route.policy == name) {
            (route.policy, route.tried_policy) = ("WritePolicy", tried);
        }
        for route in routes.iter_mut().filter(|route| route.resource_policy == Some(name)) {
            route.resource_policy = None;
        }
        RouteTable::new("/api", &routes, &[], api.policies())
    }
}
