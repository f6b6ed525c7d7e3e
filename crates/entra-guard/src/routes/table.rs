//! The table of routes, which is derived from the registered routes and checked before anything is served.

use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use http::Method;
use serde::{Serialize, Serializer};

use super::Entry;
use crate::AppRole;
use crate::policy::{Demands, PolicyError, Rules};

/// The policies of each route.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct RouteTable {
    rows: Vec<TableRow>,
    #[serde(skip)]
    roles: Vec<AppRole>,
}

/// A route and its policies.
#[derive(Debug, Clone, Serialize)]
pub struct TableRow {
    /// The method.
    #[serde(serialize_with = "as_text")]
    pub method: Method,
    /// The path's template.
    pub path: String,
    /// The policies; none for an open route that the app added to the table.
    #[serde(rename = "guards")]
    pub policies: Vec<RoutePolicy>,
}

/// A policy of one route.
#[derive(Debug, Clone, Serialize)]
pub struct RoutePolicy {
    /// The policy's name.
    pub policy: &'static str,
    /// Whether it is evaluated on a resource, in the handler.
    pub on_resource: bool,
    /// Whether the policy is only reported and never denies a request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub report_only: bool,
    /// The roles that the policy requires.
    #[serde(serialize_with = "as_texts")]
    pub roles: Vec<AppRole>,
    /// The policy's requirements, including the operator's demands.
    pub requirements: Vec<String>,
}

/// Routes, policies or roles contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// A policy cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Two handlers are registered for one method and path.
    #[error("{0} {1} has two handlers")]
    Duplicate(Method, String),
    /// A path is not in axum's syntax.
    #[error("{0} is not a path that can be routed: {1}")]
    InvalidPath(String, String),
    /// A prefix is not a path of plain segments.
    #[error("{0:?} is not a prefix; use a path such as \"/api\"")]
    InvalidPrefix(String),
    /// Two roles have the same value or the same id.
    #[error("the app roles {0} and {1} have the same value or the same id")]
    SameRole(AppRole, AppRole),
    /// The settings list a client for a policy that guards no route.
    #[error("the policy {0}, for which a client is listed, guards no route; these do: {1}")]
    UnusedPolicy(String, String),
    /// The routes belong to another guard.
    #[error("the routes belong to another guard")]
    OtherGuard,
    /// The routes were registered without a guard.
    #[error("the routes have no guard; start from `guard.routes()`")]
    NoGuard,
}

impl RoutePolicy {
    /// Describes a policy that is enforced before the handler.
    pub(super) fn new<R: 'static>(rules: &Rules<R>) -> Self {
        Self {
            policy: rules.name,
            on_resource: false,
            report_only: false,
            roles: rules.roles(),
            requirements: rules.requirement_names(),
        }
    }
}

impl RouteTable {
    pub(super) fn check<S>(routes: &[Entry<S>], demands: &Demands) -> Result<Self, RouteError> {
        check_paths(routes)?;
        let mut types: BTreeMap<&'static str, TypeId> = BTreeMap::new();
        let (mut rows, mut roles, mut callers) = (Vec::new(), Vec::new(), BTreeSet::new());
        for entry in routes {
            let guard = (entry.rules)(&entry.method, demands)?;
            for (policy_type, policy) in guard.policies() {
                if types.entry(policy.policy).or_insert(*policy_type) != policy_type {
                    return Err(PolicyError::SameName(policy.policy).into());
                }
                policy.roles.iter().try_for_each(|role| add_role(&mut roles, *role))?;
            }
            callers.insert(guard.caller.name);
            let policies = guard.policies().iter().map(|(_, policy)| policy.clone()).collect();
            rows.push(TableRow { method: entry.method.clone(), path: entry.path.clone(), policies });
        }
        let mut listed = demands.listed_clients().iter().flat_map(|client| &client.policies);
        match listed.find(|name| !callers.contains(name.as_str())) {
            Some(name) => {
                let used = callers.into_iter().collect::<Vec<_>>().join(", ");
                Err(RouteError::UnusedPolicy(name.clone(), used))
            }
            None => Ok(Self { rows, roles }),
        }
    }

    /// Returns the routes, in the order of their registration.
    #[must_use]
    pub fn rows(&self) -> &[TableRow] {
        &self.rows
    }

    /// Returns the app roles that the policies require, for the manifest of the app registration.
    #[must_use]
    pub fn app_roles(&self) -> &[AppRole] {
        &self.roles
    }

    /// Returns the same table with each path below a prefix.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        for row in &mut self.rows {
            row.path = join(prefix, &row.path);
        }
        self
    }

    /// Adds a route that no policy guards, for a table of the whole app.
    #[must_use]
    pub fn with_open(mut self, method: Method, path: impl Into<String>) -> Self {
        self.rows.push(TableRow { method, path: path.into(), policies: Vec::new() });
        self
    }
}

/// Returns a path below a prefix. The prefix may be empty, and the path `/` gives the prefix itself.
pub(super) fn join(prefix: &str, path: &str) -> String {
    let path = if prefix.is_empty() || path != "/" { path } else { "" };
    [prefix, path].concat()
}

fn check_paths<S>(routes: &[Entry<S>]) -> Result<(), RouteError> {
    let (mut seen, mut paths) = (BTreeSet::new(), BTreeSet::new());
    let mut matcher = matchit::Router::new();
    for Entry { method, path, .. } in routes {
        if !seen.insert((path, method.as_str())) {
            return Err(RouteError::Duplicate(method.clone(), path.clone()));
        }
        let invalid = |problem: &str| RouteError::InvalidPath(path.clone(), problem.to_owned());
        if !path.starts_with('/') {
            return Err(invalid("it must begin with `/`"));
        }
        if path.split('/').any(|segment| segment.starts_with([':', '*'])) {
            return Err(invalid("write a parameter as `{name}`"));
        }
        if paths.insert(path) {
            matcher.insert(path, ()).map_err(|error| invalid(&error.to_string()))?;
        }
    }
    Ok(())
}

fn add_role(roles: &mut Vec<AppRole>, role: AppRole) -> Result<(), RouteError> {
    let same = |other: &AppRole| other.value() == role.value() || other.id() == role.id();
    match roles.iter().find(|other| same(other)) {
        Some(other) if *other != role => Err(RouteError::SameRole(*other, role)),
        Some(_) => Ok(()),
        None => {
            roles.push(role);
            Ok(())
        }
    }
}

fn as_text<S: Serializer>(value: impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&value)
}

fn as_texts<T: fmt::Display, S: Serializer>(values: &[T], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(ToString::to_string))
}

/// Writes one line for each policy, in columns.
impl fmt::Display for RouteTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.rows.iter().map(|row| row.path.len()).max().unwrap_or_default();
        for TableRow { method, path, policies } in &self.rows {
            if policies.is_empty() {
                writeln!(f, "{:<6} {path:<width$}  open", method.as_str())?;
            }
            for (index, policy) in policies.iter().enumerate() {
                // Further policies of a route stand below the first.
                let (method, path) = if index == 0 { (method.as_str(), path.as_str()) } else { ("", "") };
                writeln!(f, "{method:<6} {path:<width$}  {policy}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for RoutePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |texts: &[String]| if texts.is_empty() { "-".to_owned() } else { texts.join(", ") };
        let roles = list(&self.roles.iter().map(ToString::to_string).collect::<Vec<_>>());
        let report_only = if self.report_only { " (report only)" } else { "" };
        let policy = format!("{}{report_only}", self.policy);
        write!(f, "{policy:<13}  {roles:<14}  {}", list(&self.requirements))
    }
}
