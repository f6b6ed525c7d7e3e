//! Requirements, and the handlers that decide whether they are met.

use std::fmt;
use std::sync::Arc;

use super::Subject;
use crate::AppRole;

/// A handler's answer. Of several answers, the greatest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// This handler cannot meet the requirement; another may.
    NotMet,
    /// The requirement is met, unless another handler vetoes.
    Met,
    /// The policy denies, whatever other handlers answer.
    Veto,
}

impl From<bool> for Outcome {
    fn from(met: bool) -> Self {
        if met { Self::Met } else { Self::NotMet }
    }
}

/// What a handler decides about: the caller, and the resource if the policy is about one.
#[derive(Debug)]
pub struct Context<'a, R = ()> {
    /// The caller.
    pub caller: &'a Subject<'a>,
    /// The resource; `()` for a policy about callers alone.
    pub resource: &'a R,
}

/// Decides whether a requirement is met. A closure that takes the context is a handler too.
///
/// ```
/// use entra_guard::{Context, Outcome, Requirement, RequirementHandler};
///
/// struct InternalApp;
///
/// impl RequirementHandler for InternalApp {
///     fn handle(&self, context: &Context<'_>) -> Outcome {
///         context.caller.roles.iter().any(|role| role == "Internal").into()
///     }
/// }
///
/// let requirement: Requirement = Requirement::new("InternalApp", "not_internal", InternalApp);
/// ```
pub trait RequirementHandler<R = ()>: Send + Sync + 'static {
    /// Decides about a caller. The same input must give the same answer.
    fn handle(&self, context: &Context<'_, R>) -> Outcome;
}

impl<R, F> RequirementHandler<R> for F
where
    F: Fn(&Context<'_, R>) -> Outcome + Send + Sync + 'static,
{
    fn handle(&self, context: &Context<'_, R>) -> Outcome {
        self(context)
    }
}

/// A condition that is met when a handler says so and none vetoes.
pub struct Requirement<R = ()> {
    name: &'static str,
    reason: &'static str,
    roles: Vec<AppRole>,
    handlers: Vec<Arc<dyn RequirementHandler<R>>>,
    report_only: bool,
}

impl<R: 'static> Requirement<R> {
    /// A requirement that this handler decides.
    ///
    /// `name` is for the table of routes; `reason` is the stable reason code of a denial.
    #[must_use]
    pub fn new(name: &'static str, reason: &'static str, handler: impl RequirementHandler<R>) -> Self {
        Self { name, reason, roles: Vec::new(), handlers: vec![Arc::new(handler)], report_only: false }
    }

    /// Names a role that the requirement asks for, for the challenge and the API's description.
    #[must_use]
    pub fn asking_for(mut self, role: AppRole) -> Self {
        self.roles.push(role);
        self
    }

    /// Lets another handler meet the requirement, or veto it.
    #[must_use]
    pub fn or(mut self, handler: impl RequirementHandler<R>) -> Self {
        self.handlers.push(Arc::new(handler));
        self
    }

    /// Evaluates and reports the requirement without enforcing it, for trying out a new one.
    #[must_use]
    pub fn report_only(self) -> Self {
        Self { report_only: true, ..self }
    }

    /// Returns whether the requirement is enforced rather than only reported.
    #[must_use]
    pub fn is_enforced(&self) -> bool {
        !self.report_only
    }

    /// Returns the reason code of a denial by this requirement.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.reason
    }

    /// Returns the roles that the requirement asks for.
    #[must_use]
    pub fn roles(&self) -> &[AppRole] {
        &self.roles
    }

    /// The reason code if the requirement is not met.
    pub(super) fn unmet(&self, context: &Context<'_, R>) -> Option<&'static str> {
        // The development handler meets every requirement; a veto still counts.
        let first = Outcome::from(context.caller.development);
        let outcomes = self.handlers.iter().map(|handler| handler.handle(context));
        match outcomes.fold(first, Outcome::max) {
            Outcome::Met => None,
            Outcome::NotMet => Some(self.reason),
            Outcome::Veto => Some("vetoed"),
        }
    }
}

impl<R> Clone for Requirement<R> {
    fn clone(&self) -> Self {
        let Self { name, reason, report_only, .. } = *self;
        Self { name, reason, roles: self.roles.clone(), handlers: self.handlers.clone(), report_only }
    }
}

impl<R> fmt::Debug for Requirement<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Requirement").field(&self.to_string()).finish()
    }
}

impl<R> fmt::Display for Requirement<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if self.report_only { f.write_str(" (report only)") } else { Ok(()) }
    }
}

/// The requirements of a policy, all of which must be met.
#[derive(Debug)]
pub struct Requirements<R = ()>(pub(super) Vec<Requirement<R>>);

impl<R: 'static> Requirements<R> {
    /// Starts with what every app must meet: [`Requirement::app_only`] and [`Requirement::confidential_client`].
    #[must_use]
    pub fn app() -> Self {
        Self(vec![Requirement::app_only(), Requirement::confidential_client()])
    }

    /// Starts with [`Requirement::resource`]: allows any resource, unless more is required.
    #[must_use]
    pub fn resource() -> Self {
        Self(vec![Requirement::resource()])
    }

    /// Requires a role too.
    #[must_use]
    pub fn role(self, role: AppRole) -> Self {
        self.and(Requirement::role(role))
    }

    /// Requires something else too.
    #[must_use]
    pub fn and(mut self, requirement: Requirement<R>) -> Self {
        self.0.push(requirement);
        self
    }
}

impl<R> From<Vec<Requirement<R>>> for Requirements<R> {
    fn from(requirements: Vec<Requirement<R>>) -> Self {
        Self(requirements)
    }
}
